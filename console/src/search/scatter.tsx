import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { CallPoint, Series } from '../api/types'
import { formatDuration, goDuration, roundDuration } from '../format/duration'
import { formatShort } from '../format/number'
import { clock, msOf, tickLabel, timeTicks } from '../format/time'
import { useText } from '../i18n'
import { absolute, type TimeRange } from '../timerange'
import { prepare, readColours, useThemeVersion } from '../ui/canvas'
import { LoadTestBadge } from '../ui/labels'
import { useSize } from '../ui/size'
import { durationDomain, durationTicks, linear, log } from './scale'

export interface Selection {
  range?: TimeRange
  minDuration?: string
  maxDuration?: string
}

interface Props {
  /** The domain of durations is unknown while this is undefined: then only time is drawn. */
  calls: CallPoint[] | undefined
  series: Series | undefined
  /** Keep room for the calls per minute. */
  strip: boolean
  from: number
  to: number
  onSelect(s: Selection): void
  onOpen(c: CallPoint): void
}

const pad = { left: 58, right: 14, top: 10 }
const plotHeight = 184
const axisHeight = 22
const stripHeight = 34
// A drag shorter than this in one direction means "leave that direction alone".
const leastDrag = 6
const reach = 9
const noCalls: CallPoint[] = []

interface Point {
  x: number
  y: number
  call: CallPoint
}

export function Scatter({ calls: loaded, series, strip, from, to, onSelect, onOpen }: Props) {
  const t = useText()
  const calls = loaded ?? noCalls
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width } = useSize(box)
  const version = useThemeVersion()
  const [hover, setHover] = useState<Point | null>(null)
  const [drag, setDrag] = useState<{ x0: number; y0: number; x1: number; y1: number } | null>(null)

  const height = pad.top + plotHeight + axisHeight + (strip ? stripHeight + 6 : 2)
  const right = Math.max(width - pad.right, pad.left + 1)
  const bottom = pad.top + plotHeight
  const x = useMemo(() => linear(from, to, pad.left, right), [from, to, right])
  const domain = useMemo(() => durationDomain(calls.map((c) => c.durationNano)), [calls])
  const y = useMemo(() => log(domain[0], domain[1], bottom, pad.top), [domain, bottom])
  const points = useMemo<Point[]>(
    () =>
      calls
        .map((call) => ({ x: x(msOf(call.startUnixNano)), y: Math.min(bottom, y(call.durationNano)), call }))
        .filter((p) => p.x >= pad.left - 1 && p.x <= right + 1)
        // Failed ones are drawn last, on top.
        .sort((a, b) => Number(a.call.error) - Number(b.call.error)),
    [calls, x, y, right, bottom],
  )

  useEffect(() => {
    if (!canvas.current || width === 0) return
    const c = readColours(['ink-3', 'ink-4', 'line', 'accent', 'bad', 'accent-edge'])
    const g = prepare(canvas.current, width, height)
    const font = getComputedStyle(document.body).fontFamily
    g.font = `11px ${font}`
    g.lineWidth = 1

    g.textBaseline = 'middle'
    g.textAlign = 'right'
    for (const v of loaded ? durationTicks(domain[0], domain[1]) : []) {
      const at = Math.round(y(v)) + 0.5
      g.strokeStyle = c.line
      g.beginPath()
      g.moveTo(pad.left, at)
      g.lineTo(right, at)
      g.stroke()
      g.fillStyle = c['ink-3']
      g.fillText(formatDuration(v).replace(/\.0+(?= )/, ''), pad.left - 8, at)
    }
    const ticks = timeTicks(from, to, Math.max(2, Math.floor((right - pad.left) / 92)))
    g.textAlign = 'center'
    for (const at of ticks.at) {
      const px = Math.round(x(at)) + 0.5
      g.strokeStyle = c.line
      g.beginPath()
      g.moveTo(px, bottom)
      g.lineTo(px, bottom + 4)
      g.stroke()
      const label = tickLabel(at, ticks.step)
      const half = g.measureText(label).width / 2
      g.fillStyle = c['ink-3']
      g.fillText(label, Math.min(Math.max(px, pad.left + half - 4), width - half - 2), bottom + 13)
    }

    const base = height - 4
    if (strip) {
      g.strokeStyle = c.line
      g.beginPath()
      g.moveTo(pad.left, base + 0.5)
      g.lineTo(right, base + 0.5)
      g.stroke()
    }
    if (strip && series?.points.length) {
      const bins = binSeries(series, from, to, right - pad.left)
      const most = Math.max(...bins.map((b) => b.calls), 1)
      for (const b of bins) {
        const h = (b.calls / most) * stripHeight
        const he = b.errors ? Math.max(1, (b.errors / most) * stripHeight) : 0
        const bx = pad.left + b.x
        g.fillStyle = c['accent-edge']
        g.fillRect(bx, base - h, Math.max(b.width - 1, 1), h)
        g.fillStyle = c.bad
        g.fillRect(bx, base - he, Math.max(b.width - 1, 1), he)
      }
      g.fillStyle = c['ink-3']
      g.textAlign = 'right'
      g.fillText(formatShort(most), pad.left - 8, base - stripHeight + 8)
      g.fillStyle = c['ink-4']
      g.fillText(t('search.perMinute'), pad.left - 8, base - 7)
    }

    for (const p of points) {
      const { call } = p
      g.beginPath()
      g.arc(p.x, p.y, call.error ? 2.9 : 2.6, 0, 7)
      if (call.loadTest) {
        g.globalAlpha = 0.95
        g.strokeStyle = call.error ? c.bad : c.accent
        g.stroke()
      } else {
        g.globalAlpha = call.error ? 0.9 : 0.5
        g.fillStyle = call.error ? c.bad : c.accent
        g.fill()
      }
    }
    g.globalAlpha = 1
  }, [points, series, width, domain, from, to, version, t, loaded, strip, height])

  const at = (e: PointerEvent) => {
    const r = (canvas.current as HTMLCanvasElement).getBoundingClientRect()
    return { px: e.clientX - r.left, py: e.clientY - r.top }
  }
  const nearest = (px: number, py: number): Point | null => {
    let best: Point | null = null
    let least = reach * reach
    for (const p of points) {
      const d = (p.x - px) ** 2 + (p.y - py) ** 2
      // Later ones win ties: they are drawn on top.
      if (d <= least) {
        least = d
        best = p
      }
    }
    return best
  }
  const clampX = (v: number) => Math.min(Math.max(v, pad.left), right)
  const clampY = (v: number) => Math.min(Math.max(v, pad.top), bottom)

  const onDown = (e: PointerEvent) => {
    if (e.button !== 0 || e.pointerType === 'touch') return
    const { px, py } = at(e)
    canvas.current?.setPointerCapture(e.pointerId)
    setDrag({ x0: clampX(px), y0: clampY(py), x1: clampX(px), y1: clampY(py) })
  }
  const onMove = (e: PointerEvent) => {
    const { px, py } = at(e)
    if (drag) setDrag({ ...drag, x1: clampX(px), y1: clampY(py) })
    else setHover(nearest(px, py))
  }
  const onUp = (e: PointerEvent) => {
    const { px, py } = at(e)
    const d = drag
    setDrag(null)
    const wide = d ? Math.abs(d.x1 - d.x0) >= leastDrag : false
    const tall = d ? Math.abs(d.y1 - d.y0) >= leastDrag : false
    if (!d || (!wide && !tall)) {
      const p = nearest(px, py)
      if (p) onOpen(p.call)
      return
    }
    const s: Selection = {}
    if (wide) s.range = absolute(x.invert(Math.min(d.x0, d.x1)), x.invert(Math.max(d.x0, d.x1)))
    // A selection that touches the edge means "and all beyond".
    if (tall) {
      if (Math.max(d.y0, d.y1) < bottom - 1) s.minDuration = goDuration(roundDuration(y.invert(Math.max(d.y0, d.y1)), false))
      if (Math.min(d.y0, d.y1) > pad.top + 1) s.maxDuration = goDuration(roundDuration(y.invert(Math.min(d.y0, d.y1)), true))
    }
    onSelect(s)
  }

  const errors = calls.filter((c) => c.error).length
  return (
    <div class="scatter" ref={box} style={{ height: `${height}px` }}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={t('search.scatterAlt', { n: calls.length, errors })}
        style={{ width: `${width}px`, height: `${height}px`, cursor: hover && !drag ? 'pointer' : 'crosshair' }}
        onPointerDown={onDown}
        onPointerMove={onMove}
        onPointerUp={onUp}
        onPointerCancel={() => setDrag(null)}
        onPointerLeave={() => setHover(null)}
      />
      {drag && <DragBox drag={drag} bottom={bottom} label={(k) => (k === 'x' ? [x.invert(Math.min(drag.x0, drag.x1)), x.invert(Math.max(drag.x0, drag.x1))].map((v) => clock(v).slice(0, 8)).join(' – ') : [y.invert(Math.max(drag.y0, drag.y1)), y.invert(Math.min(drag.y0, drag.y1))].map(formatDuration).join(' – '))} />}
      {hover && !drag && (
        <div
          class="tip"
          style={{
            left: `${Math.min(Math.max(hover.x, 130), Math.max(width - 130, 130))}px`,
            top: `${hover.y}px`,
            // Below the point where there is no room above it.
            transform: `translate(-50%, ${hover.y < 86 ? '12px' : 'calc(-100% - 12px)'})`,
          }}
        >
          <div class="tip-head">
            <b class={`num${hover.call.error ? ' bad' : ''}`}>{formatDuration(hover.call.durationNano)}</b>
            <span class="num quiet">{clock(msOf(hover.call.startUnixNano))}</span>
            {hover.call.error && <span class="bad">{t('call.failed')}</span>}
            {hover.call.loadTest && <LoadTestBadge />}
          </div>
          <div class="cut">
            {hover.call.caller || t('call.outside')} → {hover.call.callee}
          </div>
          <div class="cut quiet">{hover.call.operation}</div>
        </div>
      )}
    </div>
  )
}

function DragBox(p: { drag: { x0: number; y0: number; x1: number; y1: number }; bottom: number; label(k: 'x' | 'y'): string }) {
  const { x0, y0, x1, y1 } = p.drag
  const wide = Math.abs(x1 - x0) >= leastDrag
  const tall = Math.abs(y1 - y0) >= leastDrag
  if (!wide && !tall) return null
  const left = wide ? Math.min(x0, x1) : pad.left
  const top = tall ? Math.min(y0, y1) : pad.top
  return (
    <div
      class="drag-box num"
      style={{
        left: `${left}px`,
        top: `${top}px`,
        width: wide ? `${Math.abs(x1 - x0)}px` : `calc(100% - ${pad.left + pad.right}px)`,
        height: `${tall ? Math.abs(y1 - y0) : p.bottom - pad.top}px`,
      }}
    >
      <span>
        {wide && p.label('x')}
        {wide && tall && <br />}
        {tall && p.label('y')}
      </span>
    </div>
  )
}

/** Adds up the series so that no bar is narrower than four pixels; heights stay "per minute". */
export function binSeries(s: Series, from: number, to: number, width: number): { x: number; width: number; calls: number; errors: number }[] {
  const step = s.stepSeconds * 1000
  const per = Math.max(1, Math.ceil(4 / ((step / (to - from)) * width)))
  const bins = new Map<number, { calls: number; errors: number; n: number }>()
  for (const p of s.points) {
    const ms = msOf(p.timeUnixNano)
    if (ms + step <= from || ms > to) continue
    const k = Math.floor(ms / (step * per))
    const b = bins.get(k) ?? { calls: 0, errors: 0, n: 0 }
    b.calls += p.calls
    b.errors += p.errors
    bins.set(k, b)
  }
  const perMinute = 60 / (s.stepSeconds * per)
  return [...bins]
    .sort((a, b) => a[0] - b[0])
    .map(([k, b]) => {
      const start = Math.max(k * step * per, from)
      const end = Math.min((k + 1) * step * per, to)
      return {
        x: ((start - from) / (to - from)) * width,
        width: Math.max(((end - start) / (to - from)) * width, 1),
        calls: b.calls * perMinute,
        errors: b.errors * perMinute,
      }
    })
}
