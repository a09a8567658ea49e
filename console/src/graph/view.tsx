import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useText } from '../i18n'
import { Icon, iconPath } from '../ui/icon'
import { narrow, useMedia, useSize } from '../ui/size'
import { compactFrom, labelHeight, layOut, mostLabels, type GraphEdge, type GraphNode } from './layout'

interface Props {
  nodes: GraphNode[]
  edges: GraphEdge[]
  /** Id of the chosen node or edge, or ''. */
  chosen: string
  /** Nodes that a search found; null when there is no search. */
  found?: ReadonlySet<string> | null
  /** Edges to stress besides the chosen one. */
  marked?: ReadonlySet<string>
  onChoose(id: string): void
}

interface Camera {
  x: number
  y: number
  k: number
}

let pen: CanvasRenderingContext2D | null = null
function measure(label: string, sub: string): number {
  pen ??= document.createElement('canvas').getContext('2d')
  if (!pen) return label.length * 7
  const family = getComputedStyle(document.body).fontFamily
  pen.font = `550 13px ${family}`
  const a = pen.measureText(label).width
  pen.font = `11px ${family}`
  // Digits of one width, as the lines are set in, run a little wider than what is measured here.
  return Math.max(a, pen.measureText(sub).width * 1.06)
}

const labelWidth = (e: GraphEdge) => Math.max(measure('', e.label), measure('', e.label2 ?? ''))

const clampZoom = (k: number) => Math.min(2.5, Math.max(0.08, k))

/** A layered graph that can be panned (drag), zoomed (wheel, pinch, keys + - 0) and walked through with Tab and Enter. */
export function GraphView({ nodes, edges, chosen, found, marked, onChoose }: Props) {
  const t = useText()
  const box = useRef<HTMLDivElement>(null)
  const size = useSize(box)
  // A narrow screen has no room for labels; the chosen edge still shows its own.
  const isNarrow = useMedia(narrow)
  const [fonts, setFonts] = useState(0)
  useEffect(() => {
    // Widths measured before the font came are wrong.
    document.fonts?.ready.then(() => setFonts(1))
  }, [])
  // The same structure keeps its layout when only numbers change, so that a refresh doesn't shuffle the picture.
  const structure = `${nodes.map((n) => `${n.id}\t${n.label}`).join('\n')}\n${edges.map((e) => e.id).join('\n')}`
  // The canvas's shape as it was first: a panel that opens beside it must not shuffle the picture either.
  const aspect = useRef(0)
  if (!aspect.current && size.width > 0 && size.height > 0) aspect.current = size.width / size.height
  const frame = useMemo(() => layOut(nodes, edges, measure, !isNarrow, isNarrow ? 0 : aspect.current), [structure, isNarrow, fonts, aspect.current])
  const nodeById = useMemo(() => new Map(nodes.map((n) => [n.id, n])), [nodes])
  const edgeById = useMemo(() => new Map(edges.map((e) => [e.id, e])), [edges])

  const fit = (): Camera => {
    if (!size.width || !frame.width) return { x: 0, y: 0, k: 1 }
    const fill = (height: number) => Math.min(1.5, (size.width - 16) / frame.width, (height - 16) / frame.height)
    // The buttons at the lower right must not stand on a node: then they get a line of their own.
    const covered = (k: number) => {
      const left = (size.width - frame.width * k) / 2
      const above = (size.height - frame.height * k) / 2
      return frame.nodes.some((n) => left + (n.x + n.width / 2) * k > size.width - 130 && above + (n.y + n.height / 2) * k > size.height - 44)
    }
    const free = covered(fill(size.height)) ? size.height - 40 : size.height
    const all = fill(free)
    // Below this nothing can be read: better the beginning of the graph at a readable size.
    const k = Math.max(all, isNarrow ? 0.7 : 0.55)
    const first = frame.nodes.reduce((a, n) => (n.x < a.x ? n : a), frame.nodes[0])
    const x = frame.width * k <= size.width ? (size.width - frame.width * k) / 2 : 0
    const tall = frame.height * k > free
    const y = tall ? Math.min(0, Math.max(size.height - frame.height * k, size.height / 2 - first.y * k)) : (free - frame.height * k) / 2
    return { x, y, k }
  }
  const [camera, setCamera] = useState<Camera | null>(null)
  const cam = camera ?? fit()
  useEffect(() => setCamera(null), [frame])

  const zoomAt = (factor: number, px = size.width / 2, py = size.height / 2) =>
    setCamera((old) => {
      const c = old ?? fit()
      const k = clampZoom(c.k * factor)
      return { k, x: px - ((px - c.x) / c.k) * k, y: py - ((py - c.y) / c.k) * k }
    })

  // What was found, or chosen by the keyboard, is brought into view.
  const bring = (id: string) => {
    const n = frame.nodes.find((x) => x.id === id)
    if (!n) return
    const x = n.x * cam.k + cam.x
    const y = n.y * cam.k + cam.y
    const into = (v: number, length: number, margin: number) => Math.min(Math.max(v, Math.min(margin, length / 2)), Math.max(length - margin, length / 2))
    const dx = into(x, size.width, 120) - x
    const dy = into(y, size.height, 60) - y
    if (dx || dy) setCamera({ k: cam.k, x: cam.x + dx, y: cam.y + dy })
  }
  const firstFound = found?.size ? [...found][0] : ''
  useEffect(() => {
    if (firstFound && size.width) bring(firstFound)
  }, [firstFound])

  const pointers = useRef(new Map<number, { x: number; y: number }>())
  const moved = useRef(false)
  const local = (e: PointerEvent | WheelEvent) => {
    const r = (box.current as HTMLDivElement).getBoundingClientRect()
    return { x: e.clientX - r.left, y: e.clientY - r.top }
  }
  const onDown = (e: PointerEvent) => {
    if (e.button !== 0) return
    pointers.current.set(e.pointerId, local(e))
    moved.current = false
  }
  const onMove = (e: PointerEvent) => {
    const was = pointers.current.get(e.pointerId)
    if (!was) return
    const now = local(e)
    if (pointers.current.size === 1) {
      if (!moved.current && Math.hypot(now.x - was.x, now.y - was.y) < 4) return
      if (!moved.current) (e.currentTarget as Element).setPointerCapture(e.pointerId)
      moved.current = true
      setCamera((old) => {
        const c = old ?? fit()
        return { ...c, x: c.x + now.x - was.x, y: c.y + now.y - was.y }
      })
    } else {
      moved.current = true
      const other = [...pointers.current].find(([id]) => id !== e.pointerId)?.[1]
      if (other) {
        const before = Math.hypot(was.x - other.x, was.y - other.y)
        const after = Math.hypot(now.x - other.x, now.y - other.y)
        if (before > 0) zoomAt(after / before, (now.x + other.x) / 2, (now.y + other.y) / 2)
      }
    }
    pointers.current.set(e.pointerId, now)
  }
  const onUp = (e: PointerEvent) => void pointers.current.delete(e.pointerId)

  const wheel = useRef<(e: WheelEvent) => void>(() => {})
  wheel.current = (e) => {
    e.preventDefault()
    const p = local(e)
    zoomAt(Math.exp(-Math.max(-80, Math.min(80, e.deltaY)) * (e.ctrlKey ? 0.01 : 0.003)), p.x, p.y)
  }
  useEffect(() => {
    const element = box.current
    if (!element) return
    const listener = (e: WheelEvent) => wheel.current(e)
    element.addEventListener('wheel', listener, { passive: false })
    return () => element.removeEventListener('wheel', listener)
  }, [])

  const turn = (id: string) => {
    // A panel may open beside the graph: the picture stays where it is instead of fitting itself anew.
    if (!camera && size.width) setCamera(cam)
    onChoose(id === chosen ? '' : id)
  }
  const choose = (id: string) => {
    if (!moved.current) turn(id)
  }
  const onKey = (id: string) => (e: KeyboardEvent) => {
    if (e.key !== 'Enter' && e.key !== ' ') return
    e.preventDefault()
    turn(id)
  }
  useEffect(() => {
    if (!chosen || !size.width) return
    bring(nodeById.has(chosen) ? chosen : (edgeById.get(chosen)?.to ?? ''))
  }, [chosen, size.width, frame])
  const chosenEdge = edgeById.get(chosen)
  const near = useMemo(() => {
    if (!nodeById.has(chosen)) return null
    const s = new Set<string>([chosen])
    for (const e of edges) {
      if (e.from === chosen) s.add(e.to)
      if (e.to === chosen) s.add(e.from)
    }
    return s
  }, [chosen, edges, nodeById])
  const dimNode = (id: string) => (found ? !found.has(id) : near ? !near.has(id) : chosenEdge ? id !== chosenEdge.from && id !== chosenEdge.to : false)
  const onEdge = (e: GraphEdge) => e.id === chosen || marked?.has(e.id) || (near !== null && (e.from === chosen || e.to === chosen))
  const dimEdge = (e: GraphEdge) => (found ? true : (near !== null || chosenEdge !== undefined) && !onEdge(e))
  const compact = nodes.length >= compactFrom
  const showLabels = !isNarrow && edges.length <= mostLabels && cam.k > 0.55

  return (
    <div class="graph" ref={box}>
      <svg
        role="group"
        aria-label={t('graph.alt', { n: nodes.length, m: edges.length })}
        width={size.width}
        height={size.height}
        tabIndex={0}
        onPointerDown={onDown}
        onPointerMove={onMove}
        onPointerUp={onUp}
        onPointerCancel={onUp}
        onKeyDown={(e) => {
          if (e.key === '+' || e.key === '=') zoomAt(1.25)
          else if (e.key === '-') zoomAt(0.8)
          else if (e.key === '0') setCamera(null)
          else if (e.key === 'Escape') onChoose('')
        }}
        onClick={(e) => {
          if (e.target === e.currentTarget && !moved.current) onChoose('')
        }}
      >
        <g transform={`translate(${cam.x},${cam.y}) scale(${cam.k})`}>
          {frame.edges.map((placed) => {
            const e = edgeById.get(placed.id) ?? placed
            const on = onEdge(e)
            return (
              <g
                key={e.id}
                class={`edge${on ? ' on' : ''}${dimEdge(e) ? ' dim' : ''}`}
                style={{ '--share': `${errorMix(e.errorShare)}%` }}
                role="button"
                tabIndex={0}
                aria-pressed={e.id === chosen}
                aria-label={`${e.from || t('call.outside')} → ${e.to}: ${[e.label, e.label2].filter(Boolean).join(', ')}`}
                onClick={() => choose(e.id)}
                onKeyDown={onKey(e.id)}
              >
                <path class="edge-hit" d={placed.path} />
                <path class="edge-line" d={placed.path} style={{ strokeWidth: `${placed.width}px` }} />
                <polygon class="edge-head" points={placed.head} />
              </g>
            )
          })}
          {frame.nodes.map((placed) => {
            const n = nodeById.get(placed.id) ?? placed
            const { x, y, width, height } = placed
            return (
              <g
                key={n.id}
                class={`node ${n.kind}${n.id === chosen ? ' on' : ''}${dimNode(n.id) ? ' dim' : ''}${found?.has(n.id) ? ' found' : ''}`}
                transform={`translate(${x - width / 2},${y - height / 2})`}
                role="button"
                tabIndex={0}
                aria-pressed={n.id === chosen}
                aria-label={`${t(`kind.${n.kind}`)} ${n.label}: ${[n.sub, n.sub2].filter(Boolean).join(', ')}`}
                onClick={() => choose(n.id)}
                onKeyDown={onKey(n.id)}
                onFocus={(e) => e.currentTarget.matches(':focus-visible') && bring(n.id)}
              >
                <rect class="node-box" width={width} height={height} rx={n.kind === 'app' ? 5 : height / 2} />
                {n.errorShare > 0 && <rect class="node-errors" x={n.kind === 'app' ? 5 : 22} y={height - 3} height="3" width={Math.max(2, (width - (n.kind === 'app' ? 10 : 44)) * Math.min(1, n.errorShare))} />}
                {n.kind !== 'app' && <path class="node-icon" d={iconPath(n.kind)} transform={`translate(12,${height / 2 - 8})`} />}
                <text class="node-label" x={n.kind === 'app' ? 12 : 34} y={compact ? 18 : n.sub ? 19 : height / 2 + 5}>{clipText(n.label, width - (n.kind === 'app' ? 20 : 48))}</text>
                {!compact && <text class="node-sub" x={n.kind === 'app' ? 12 : 34} y="34">{n.sub}</text>}
                {!compact && n.sub2 && <text class="node-sub" x={n.kind === 'app' ? 12 : 34} y="48">{n.sub2}</text>}
                <title>{[n.label, n.sub, n.sub2].filter(Boolean).join('\n')}</title>
              </g>
            )
          })}
          {frame.edges.map((placed) => {
            const e = edgeById.get(placed.id) ?? placed
            // Where most edges carry a label they only stay readable while they are few; the chosen ones always do.
            if (!onEdge(e) && !(showLabels && !dimEdge(e))) return null
            return (
              <g key={e.id} transform={`translate(${placed.x},${placed.y}) scale(${onEdge(e) ? Math.min(1.4, Math.max(1, 0.95 / cam.k)) : 1})`}>
                <rect class="edge-label-box" x={-labelWidth(e) / 2 - 4} y={-labelHeight(e) / 2} width={labelWidth(e) + 8} height={labelHeight(e)} rx="3" />
                <text class={`edge-label${onEdge(e) ? ' on' : ''}`} y={e.label2 ? -6 : 0} dy="0.35em">{e.label}</text>
                {e.label2 && <text class={`edge-label bad${onEdge(e) ? ' on' : ''}`} y="7" dy="0.35em">{e.label2}</text>}
              </g>
            )
          })}
        </g>
      </svg>
      <div class="graph-tools">
        <button type="button" class="btn icon" title={`${t('graph.zoomIn')} (+)`} aria-label={t('graph.zoomIn')} onClick={() => zoomAt(1.25)}><Icon name="plus" /></button>
        <button type="button" class="btn icon" title={`${t('graph.zoomOut')} (-)`} aria-label={t('graph.zoomOut')} onClick={() => zoomAt(0.8)}><Icon name="minus" /></button>
        <button type="button" class="btn icon" title={`${t('graph.fit')} (0)`} aria-label={t('graph.fit')} onClick={() => setCamera(null)}><Icon name="fit" /></button>
      </div>
    </div>
  )
}

/** How red an edge is, in per cent: a hint from the first error, half at 6 %, full at a fifth of the calls. */
export const errorMix = (share: number): number => (share <= 0 ? 0 : 4 + 96 * (Math.min(share, 0.2) / 0.2) ** 0.65)

function clipText(text: string, width: number): string {
  if (measure(text, '') <= width + 4) return text
  let n = text.length
  while (n > 3 && measure(`${text.slice(0, n)}…`, '') > width) n--
  return `${text.slice(0, n)}…`
}
