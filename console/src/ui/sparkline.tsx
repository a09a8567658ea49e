import type { Series } from '../api/types'
import { formatShort } from '../format/number'

/** Calls per step as small bars, the failed ones in red at their foot. */
export function Sparkline({ series, height = 24, label }: { series: Series; height?: number; label: string }) {
  const { points } = series
  if (!points.length) return null
  const step = BigInt(series.stepSeconds) * 1_000_000_000n
  const first = BigInt(points[0].timeUnixNano)
  const last = BigInt(points[points.length - 1].timeUnixNano)
  // Steps without calls are left out by the API; they are empty places here.
  const slots = Number((last - first) / step) + 1
  const bins = Math.min(slots, 60)
  const calls = new Array<number>(bins).fill(0)
  const errors = new Array<number>(bins).fill(0)
  for (const p of points) {
    const i = Math.min(bins - 1, Math.floor((Number((BigInt(p.timeUnixNano) - first) / step) / slots) * bins))
    calls[i] += p.calls
    errors[i] += p.errors
  }
  const most = Math.max(...calls, 1)
  const w = 100 / bins
  return (
    <svg class="spark" viewBox={`0 0 100 ${height}`} preserveAspectRatio="none" height={height} role="img" aria-label={`${label}, max ${formatShort(most)}`}>
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
    </svg>
  )
}
