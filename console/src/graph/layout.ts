import { Graph, layout as dagreLayout } from '@dagrejs/dagre'
import type { NodeKind } from '../api/types'

/** What is drawn: a node with two or three lines of text, an edge with a weight and a share of errors. */
export interface GraphNode {
  id: string
  label: string
  kind: NodeKind
  /** The quiet line below the label, and another below that. */
  sub: string
  sub2?: string
  errorShare: number
}

export interface GraphEdge {
  id: string
  from: string
  to: string
  calls: number
  errorShare: number
  label: string
  /** A second line of the label, which tells of errors. */
  label2?: string
}

export interface PlacedNode extends GraphNode {
  x: number
  y: number
  width: number
  height: number
}

export interface PlacedEdge extends GraphEdge {
  path: string
  /** The arrow head, as a polygon's points. */
  head: string
  /** Where its label stands. */
  x: number
  y: number
  width: number
}

export interface Layout {
  nodes: PlacedNode[]
  edges: PlacedEdge[]
  width: number
  height: number
}

/** Large graphs are drawn without the second line, so that names stay legible when all of it is in view. */
export const compactFrom = 36
const most = 240

/** With more edges than this, only the chosen ones carry a label. */
export const mostLabels = 30

/** Edge widths grow with the logarithm of the calls: 1 to 7 px, whatever the traffic. */
export function edgeWidth(calls: number, mostCalls: number): number {
  if (mostCalls <= 1) return 1.5
  return 1 + 6 * (Math.log1p(calls) / Math.log1p(mostCalls)) ** 2
}

type Point = { x: number; y: number }

/** An arrow head that ends in `to` and fits the line's width; `neck` is where the line ends. */
export function arrow(from: Point, to: Point, width: number): { head: string; neck: Point } {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1
  const ux = (to.x - from.x) / length
  const uy = (to.y - from.y) / length
  const long = 6 + width * 0.8
  const half = 3 + width * 0.6
  const neck = { x: to.x - ux * long, y: to.y - uy * long }
  const at = (x: number, y: number) => `${x.toFixed(1)},${y.toFixed(1)}`
  const head = [at(to.x, to.y), at(neck.x - uy * half, neck.y + ux * half), at(neck.x + uy * half, neck.y - ux * half)].join(' ')
  // A little overlap, so that no hairline shows between line and head.
  return { head, neck: { x: neck.x + ux, y: neck.y + uy } }
}

/**
 * A line through the points that leaves, passes and arrives level, so that edges flow like wires in a diagram and pass
 * exactly where their labels stand.
 */
export function flow(points: Point[]): string {
  const f = (n: number) => n.toFixed(1)
  let d = `M${f(points[0].x)},${f(points[0].y)}`
  for (let i = 1; i < points.length; i++) {
    const p = points[i - 1]
    const q = points[i]
    const m = (p.x + q.x) / 2
    d += `C${f(m)},${f(p.y)} ${f(m)},${f(q.y)} ${f(q.x)},${f(q.y)}`
  }
  return d
}

/**
 * Lays a graph out in layers from left to right, callers before callees. `measure` gives the width of a label and of a
 * quiet line; with `labels` room is kept for those of the edges, if they are few. `aspect` is the canvas's width divided by
 * its height.
 */
export function layOut(nodes: GraphNode[], edges: GraphEdge[], measure: (label: string, sub: string) => number, labels = true, aspect = 0): Layout {
  const tight = place(nodes, edges, measure, labels, 1)
  // A wide graph gets the height that is there: what stands on its own is easier to read.
  const spread = Math.min(mostSpread, tight.width / aspect / tight.height)
  return aspect > 0 && spread > 1.1 ? place(nodes, edges, measure, labels, spread) : tight
}

/** How much further apart than necessary nodes are put one above the other. */
const mostSpread = 3

/** The free room around the graph, and how far a node's call to itself stands above it. */
const margin = 16
const loopHeight = 32

/** The height of a node, or of an edge's label. */
const nodeHeight = (n: GraphNode, compact: boolean) => (compact ? 26 : n.sub2 ? 58 : 44)
export const labelHeight = (e: GraphEdge) => (e.label2 ? 28 : 16)

function place(nodes: GraphNode[], edges: GraphEdge[], measure: (label: string, sub: string) => number, labels: boolean, spread: number): Layout {
  const g = new Graph({ multigraph: true })
  const labelled = labels && edges.length <= mostLabels
  const compact = nodes.length >= compactFrom
  g.setGraph({ rankdir: 'LR', nodesep: (compact ? 8 : 24) * spread, ranksep: labelled ? 36 : 72, edgesep: (compact ? 6 : 14) * spread, marginx: margin, marginy: margin })
  g.setDefaultEdgeLabel(() => ({}))
  const known = new Set(nodes.map((n) => n.id))
  const labelWidth = (e: GraphEdge) => Math.max(measure('', e.label), measure('', e.label2 ?? ''))
  for (const n of nodes) g.setNode(n.id, { width: Math.min(Math.max(measure(n.label, compact ? '' : n.sub), compact ? 0 : measure('', n.sub2 ?? '')) + (n.kind === 'app' ? 24 : 52), most), height: nodeHeight(n, compact) })
  const drawn = edges.filter((e) => known.has(e.from) && known.has(e.to))
  // Heavy edges are kept short and straight.
  const mostCalls = drawn.reduce((m, e) => Math.max(m, e.calls), 1)
  for (const e of drawn) {
    if (e.from === e.to) continue
    const weight = 1 + Math.round(3 * (Math.log1p(e.calls) / Math.log1p(mostCalls)))
    // Room is kept for the label, so that it covers neither a node nor another edge's label.
    const room = labelled ? { width: labelWidth(e) + 22, height: labelHeight(e), labelpos: 'c' } : {}
    g.setEdge(e.from, e.to, { weight, ...room }, e.id)
  }
  dagreLayout(g)
  // Edges that bend around others may reach beyond the height that dagre gives, which is that of nodes and labels.
  let top = Infinity
  let bottom = -Infinity
  const reach = (from: number, to: number) => {
    top = Math.min(top, from)
    bottom = Math.max(bottom, to)
  }
  const loops = new Set(drawn.filter((e) => e.from === e.to).map((e) => e.from))
  for (const n of nodes) {
    const { y, height } = g.node(n.id) as { y: number; height: number }
    reach(y - height / 2 - (loops.has(n.id) ? loopHeight : 0), y + height / 2)
  }
  for (const e of drawn) {
    if (e.from === e.to) continue
    const { points } = g.edge(e.from, e.to, e.id) as { points: Point[] }
    // The ends of edges are at their nodes, wherever dagre has them.
    for (const p of points.slice(1, -1)) reach(p.y, p.y)
  }
  const down = nodes.length ? margin - top : 0

  const placed = new Map<string, PlacedNode>()
  for (const n of nodes) {
    const at = g.node(n.id) as { x: number; y: number; width: number; height: number }
    placed.set(n.id, { ...n, x: at.x, y: at.y + down, width: at.width, height: at.height })
  }
  // Edges meet their nodes at the sides that face each other, spread out in the order of where they lead.
  const routes = new Map<string, { edge: GraphEdge; inner: Point[]; label?: Point; back: boolean }>()
  const ports = new Map<string, { edge: string; toward: number; start: boolean }[]>()
  for (const e of drawn) {
    if (e.from === e.to) continue
    const laid = g.edge(e.from, e.to, e.id) as { points: Point[]; x?: number; y?: number }
    const points = laid.points.map((p) => ({ x: p.x, y: p.y + down }))
    const x = laid.x
    const y = laid.y === undefined ? undefined : laid.y + down
    const a = placed.get(e.from) as PlacedNode
    const b = placed.get(e.to) as PlacedNode
    const label = x !== undefined && y !== undefined ? { x, y } : undefined
    const half = label ? labelWidth(e) / 2 + 5 : 0
    // The line is straight where its label stands, and bends before and after.
    const inner = points
      .slice(1, -1)
      .flatMap((p) => (half && Math.abs(p.x - x!) < 0.5 && Math.abs(p.y - y!) < 0.5 ? [{ x: p.x - half, y: p.y }, { x: p.x + half, y: p.y }] : [p]))
    const back = b.x < a.x
    if (back && half) inner.reverse().sort((p, q) => q.x - p.x)
    routes.set(e.id, { edge: e, inner, label, back })
    const put = (node: string, side: string, toward: number, start: boolean) => {
      const key = `${node}\n${side}`
      const list = ports.get(key)
      if (list) list.push({ edge: e.id, toward, start })
      else ports.set(key, [{ edge: e.id, toward, start }])
    }
    put(e.from, back ? 'before' : 'after', (inner[0] ?? b).y, true)
    put(e.to, back ? 'after' : 'before', (inner[inner.length - 1] ?? a).y, false)
  }
  const starts = new Map<string, Point>()
  const ends = new Map<string, Point>()
  for (const [key, list] of ports) {
    const [id, side] = key.split(/\n(?=\w+$)/)
    const n = placed.get(id) as PlacedNode
    const sign = side === 'after' ? 1 : -1
    const room = (n.height - 12) * (n.kind === 'app' ? 1 : 0.6)
    list.sort((p, q) => p.toward - q.toward)
    list.forEach((p, i) => {
      const offset = list.length === 1 ? 0 : (i / (list.length - 1) - 0.5) * Math.min(room, (list.length - 1) * 12)
      const at = { x: n.x + (sign * n.width) / 2, y: n.y + offset }
      ;(p.start ? starts : ends).set(p.edge, at)
    })
  }

  const outEdges = drawn.map((e): PlacedEdge => {
    const width = edgeWidth(e.calls, mostCalls)
    const route = routes.get(e.id)
    if (!route) {
      const n = placed.get(e.from) as PlacedNode
      const top = n.y - n.height / 2
      const path = `M${n.x - 16},${top}C${n.x - 30},${top - 28} ${n.x + 30},${top - 28} ${n.x + 16},${top - 6}`
      return { ...e, width, x: n.x, y: top - 22, path, head: arrow({ x: n.x + 20, y: top - 20 }, { x: n.x + 16, y: top }, width).head }
    }
    const start = starts.get(e.id) as Point
    const end = ends.get(e.id) as Point
    // The line arrives level, and so does its head.
    const { head, neck } = arrow({ x: end.x + (route.back ? 1 : -1), y: end.y }, end, width)
    const middle = route.label ?? route.inner[Math.floor(route.inner.length / 2)] ?? { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 }
    return { ...e, width, x: middle.x, y: middle.y, path: flow([start, ...route.inner, neck]), head }
  })
  const size = g.graph() as { width?: number }
  return { nodes: [...placed.values()], edges: outEdges, width: size.width ?? 0, height: nodes.length ? bottom - top + 2 * margin : 0 }
}
