import { Graph, layout as dagreLayout } from '@dagrejs/dagre'
import type { NodeKind } from '../api/types'

/** What is drawn: a node with two lines of text, an edge with a weight and a share of errors. */
export interface GraphNode {
  id: string
  label: string
  kind: NodeKind
  /** The second, quiet line. */
  sub: string
  errorShare: number
}

export interface GraphEdge {
  id: string
  from: string
  to: string
  calls: number
  errorShare: number
  label: string
}

export interface PlacedNode extends GraphNode {
  x: number
  y: number
  width: number
  height: number
}

export interface PlacedEdge extends GraphEdge {
  path: string
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

export const nodeHeight = 44
const most = 240

/** Edge widths grow with the logarithm of the calls: 1 to 7 px, whatever the traffic. */
export function edgeWidth(calls: number, mostCalls: number): number {
  if (mostCalls <= 1) return 1.5
  return 1 + 6 * (Math.log1p(calls) / Math.log1p(mostCalls)) ** 2
}

type Point = { x: number; y: number }

/** A smooth line through the bends that the layout gives: quadratic curves between their midpoints. */
export function smooth(points: Point[]): string {
  if (points.length < 2) return ''
  const p = (q: Point) => `${q.x.toFixed(1)},${q.y.toFixed(1)}`
  let d = `M${p(points[0])}`
  for (let i = 1; i < points.length - 1; i++) {
    const end = i === points.length - 2 ? points[i + 1] : { x: (points[i].x + points[i + 1].x) / 2, y: (points[i].y + points[i + 1].y) / 2 }
    d += `Q${p(points[i])} ${p(end)}`
  }
  if (points.length === 2) d += `L${p(points[1])}`
  return d
}

/** Lays a graph out in layers, callers before callees. `measure` gives the width of a label and of a quiet line. */
export function layOut(nodes: GraphNode[], edges: GraphEdge[], direction: 'LR' | 'TB', measure: (label: string, sub: string) => number): Layout {
  const g = new Graph({ multigraph: true })
  g.setGraph({ rankdir: direction, nodesep: direction === 'LR' ? 18 : 24, ranksep: direction === 'LR' ? 88 : 56, edgesep: 10, marginx: 16, marginy: 16 })
  g.setDefaultEdgeLabel(() => ({}))
  const known = new Set(nodes.map((n) => n.id))
  for (const n of nodes) g.setNode(n.id, { width: Math.min(measure(n.label, n.sub) + 44, most), height: nodeHeight })
  const drawn = edges.filter((e) => known.has(e.from) && known.has(e.to))
  // Heavy edges are kept short and straight.
  const mostCalls = drawn.reduce((m, e) => Math.max(m, e.calls), 1)
  for (const e of drawn) {
    if (e.from !== e.to) g.setEdge(e.from, e.to, { weight: 1 + Math.round(3 * (Math.log1p(e.calls) / Math.log1p(mostCalls))) }, e.id)
  }
  dagreLayout(g)

  const placed = new Map<string, PlacedNode>()
  for (const n of nodes) {
    const at = g.node(n.id) as { x: number; y: number; width: number; height: number }
    placed.set(n.id, { ...n, x: at.x, y: at.y, width: at.width, height: at.height })
  }
  const outEdges = drawn.map((e): PlacedEdge => {
    const width = edgeWidth(e.calls, mostCalls)
    if (e.from === e.to) {
      const n = placed.get(e.from) as PlacedNode
      const top = n.y - n.height / 2
      return { ...e, width, x: n.x, y: top - 22, path: `M${n.x - 16},${top}C${n.x - 30},${top - 28} ${n.x + 30},${top - 28} ${n.x + 16},${top}` }
    }
    const points = (g.edge(e.from, e.to, e.id) as { points: Point[] }).points
    const middle = points[Math.floor(points.length / 2)]
    return { ...e, width, x: middle.x, y: middle.y, path: smooth(points) }
  })
  const size = g.graph() as { width?: number; height?: number }
  return { nodes: [...placed.values()], edges: outEdges, width: size.width ?? 0, height: size.height ?? 0 }
}
