import { formatDuration } from '../format/duration'

/** Margins of the time lane in pixels; the right one holds the label of a bar that reaches the end. */
export const laneLeft = 12
export const laneRight = 66

/** The text of a mark on a ruler whose marks are `step` apart: as exact as the step needs, also far from zero. */
export function tickText(ns: number, step: number): string {
  if (ns === 0) return '0'
  if (ns >= 60e9 && step >= 1e9) return formatDuration(ns)
  const [unit, name] = ns >= 1e9 ? [1e9, 's'] : ns >= 1e6 ? [1e6, 'ms'] : ns >= 1e3 ? [1e3, 'µs'] : [1, 'ns']
  const decimals = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9))
  return `${(ns / unit).toFixed(Math.min(decimals, 6))} ${name}`
}

/** Round marks for a ruler that starts at zero. */
export function rulerTicks(from: number, to: number, count: number): number[] {
  const span = to - from
  if (span <= 0 || count < 1) return []
  const raw = span / count
  const p = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((s) => s * p).find((s) => s >= raw * 0.999) as number
  const out: number[] = []
  for (let v = Math.ceil(from / step - 1e-9) * step + 0; v <= to * 1.0000001; v += step) out.push(v)
  return out
}
