import type { Series } from '../api/types'
import { formatShort } from '../format/number'
import { msOf } from '../format/time'

const mostBars = 60

/** Calls per step over a range (milliseconds) as small bars, the failed ones in red at their foot. */
export function Sparkline({ series, from, to, height, label }: { series: Series; from: number; to: number; height: number; label: string }) {
  const step = series.stepSeconds * 1000
  const first = Math.floor(from / step)
  const slots = Math.max(1, Math.ceil(to / step) - first)
  const bars = Math.min(slots, mostBars)
  const calls = new Array<number>(bars).fill(0)
  const errors = new Array<number>(bars).fill(0)
  for (const p of series.points) {
    const slot = Math.floor(msOf(p.timeUnixNano) / step) - first
    if (slot < 0 || slot >= slots) continue
    const i = Math.floor((slot / slots) * bars)
    calls[i] += p.calls
    errors[i] += p.errors
  }
  const most = Math.max(...calls, 1)
  const w = 100 / bars
  return (
    <svg class="spark" viewBox={`0 0 100 ${height}`} preserveAspectRatio="none" height={height} role="img" aria-label={`${label}, max ${formatShort(most / (slots / bars))}`}>
      {calls.map((c, i) => {
        const h = (c / most) * height
        const e = errors[i] ? Math.max(1, (errors[i] / most) * height) : 0
        return (
          <g key={i}>
            <rect class="spark-calls" x={i * w} width={w * 0.8} y={height - h} height={h} />
            {e > 0 && <rect class="spark-errors" x={i * w} width={w * 0.8} y={height - e} height={e} />}
          </g>
        )
      })}
      <line class="spark-base" x1="0" x2="100" y1={height} y2={height} />
    </svg>
  )
}
