/** A linear scale for time and a logarithmic one for durations, with their ticks. */
export interface Scale {
  (value: number): number
  invert(pixel: number): number
}

export function linear(d0: number, d1: number, r0: number, r1: number): Scale {
  const k = (r1 - r0) / (d1 - d0 || 1)
  const s = ((v: number) => r0 + (v - d0) * k) as Scale
  s.invert = (p) => d0 + (p - r0) / k
  return s
}

export function log(d0: number, d1: number, r0: number, r1: number): Scale {
  const inner = linear(Math.log10(d0), Math.log10(d1), r0, r1)
  const s = ((v: number) => inner(Math.log10(Math.max(v, 1)))) as Scale
  s.invert = (p) => 10 ** inner.invert(p)
  return s
}

/** A domain for durations that starts and ends on 1, 2 or 5 times a power of ten and spans at least one decade. */
export function durationDomain(values: number[]): [number, number] {
  let least = Infinity
  let most = 0
  for (const v of values) {
    if (v > 0 && v < least) least = v
    if (v > most) most = v
  }
  if (most === 0) return [1e6, 1e8]
  let d0 = nice(least, false)
  let d1 = nice(most * 1.02, true)
  while (d1 / d0 < 9.99) {
    d0 = Math.max(1, nice(d0 * 0.99, false))
    d1 = nice(d1 * 1.01, true)
  }
  return [d0, d1]
}

function nice(v: number, up: boolean): number {
  const p = 10 ** Math.floor(Math.log10(Math.max(v, 1)) + 1e-9)
  const steps = up ? [1, 2, 5, 10] : [10, 5, 2, 1]
  for (const s of steps) if (up ? s * p >= v * 0.999999 : s * p <= v * 1.000001) return s * p
  return v
}

/** Powers of ten in the domain; where they are few, 2 and 5 times them as well. */
export function durationTicks(d0: number, d1: number): number[] {
  const decades = Math.log10(d1 / d0)
  const factors = decades > 2.7 ? [1] : [1, 2, 5]
  const out: number[] = []
  for (let p = 10 ** Math.floor(Math.log10(d0)); p <= d1 * 1.001; p *= 10) {
    for (const f of factors) if (f * p >= d0 * 0.999 && f * p <= d1 * 1.001) out.push(f * p)
  }
  return out
}
