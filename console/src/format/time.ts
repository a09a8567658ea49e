/** Nanoseconds since 1970 as decimal text → milliseconds, with the fraction that a double keeps. */
export function msOf(unixNano: string): number {
  if (unixNano.length <= 15) return Number(unixNano) / 1e6
  return Number(unixNano.slice(0, -6)) + Number(unixNano.slice(-6)) / 1e6
}

/** Nanoseconds from `origin` to `unixNano`, exact as long as the two are within 100 days. */
export function nanosSince(origin: bigint, unixNano: string): number {
  return Number(BigInt(unixNano) - origin)
}

const two = (n: number) => String(n).padStart(2, '0')

/** 11:05:09.123 in the browser's zone. */
export function clock(ms: number): string {
  const d = new Date(ms)
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, '0')}`
}

/** 2026-11-23 in the browser's zone. */
export function day(ms: number): string {
  const d = new Date(ms)
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
}

export const dayClock = (ms: number) => `${day(ms)} ${clock(ms)}`

/** A label for a time axis whose ticks are `step` milliseconds apart. */
export function tickLabel(ms: number, step: number): string {
  const d = new Date(ms)
  if (step >= 86_400_000) return `${two(d.getMonth() + 1)}-${two(d.getDate())}`
  const hm = `${two(d.getHours())}:${two(d.getMinutes())}`
  if (step >= 60_000) {
    return d.getHours() === 0 && d.getMinutes() === 0 ? `${two(d.getMonth() + 1)}-${two(d.getDate())}` : hm
  }
  const s = `${hm}:${two(d.getSeconds())}`
  return step >= 1000 ? s : `${s}.${String(d.getMilliseconds()).padStart(3, '0')}`
}

const steps = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3,
  7200e3, 10800e3, 21600e3, 43200e3, 86400e3, 172800e3, 604800e3,
]

/** Round times in [from, to], at most `count` of them, aligned to the browser's midnight. */
export function timeTicks(from: number, to: number, count: number): { step: number; at: number[] } {
  const span = Math.max(to - from, 1)
  const step = steps.find((s) => span / s <= count) ?? steps[steps.length - 1]
  const zone = new Date(from).getTimezoneOffset() * 60_000
  const at: number[] = []
  for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to; t += step) at.push(t)
  return { step, at }
}
