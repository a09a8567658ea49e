/** Margins of the time lane in pixels; the right one holds the label of a bar that reaches the end. */
export const laneLeft = 12
export const laneRight = 66

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
