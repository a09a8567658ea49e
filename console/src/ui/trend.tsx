/** One point of a trend; `at` is in milliseconds. `gap` says that nobody looked for a while before it. */
export interface Point {
  at: number
  value: number
  gap: boolean
}

const width = 100

/**
 * A small line over the last `span` milliseconds, from zero to the greatest value or `limit`. Where nobody looked, nothing is
 * drawn. It says in words what it shows only where a label is given; otherwise the numbers beside it do.
 */
export function Trend({ points, now, span, height, label, bad, limit = 0 }: { points: Point[]; now: number; span: number; height: number; label?: string; bad?: boolean; limit?: number }) {
  const shown = points.filter((p) => now - p.at <= span)
  const most = Math.max(limit, ...shown.map((p) => p.value)) || 1
  const x = (p: Point) => (1 - (now - p.at) / span) * width
  const y = (p: Point) => height - 1 - (p.value / most) * (height - 2)
  const runs: Point[][] = []
  for (const p of shown) {
    if (!runs.length || p.gap) runs.push([])
    runs[runs.length - 1].push(p)
  }
  const at = (p: Point) => `${x(p).toFixed(2)},${y(p).toFixed(2)}`
  return (
    <svg class={`trend-line${bad ? ' bad-line' : ''}`} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" height={height} {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })}>
      <line class="spark-base" x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} />
      {runs.map((run, i) => (
        <g key={i}>
          <path class="trend-area" d={`M${x(run[0]).toFixed(2)},${height} L${run.map(at).join(' L')} L${x(run[run.length - 1]).toFixed(2)},${height} Z`} />
          <path class="trend-stroke" d={`M${run.map(at).join(' L')}`} />
        </g>
      ))}
    </svg>
  )
}
