/** A duration split for display: digits to align, and a unit to set in quiet type. */
export interface DurationText {
  value: string
  unit: string
}

const units: [number, string][] = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
]

// Three significant digits: enough to compare, short enough to scan.
function digits(x: number): string {
  if (x >= 99.95) return x.toFixed(0)
  if (x >= 9.995) return x.toFixed(1)
  return x.toFixed(2)
}

/** Formats nanoseconds with three significant digits; a minute and more as "2m 05s". */
export function splitDuration(ns: number): DurationText {
  const sign = ns < 0 ? '−' : ''
  const abs = Math.abs(ns)
  if (abs >= 59.95e9) {
    const s = Math.round(abs / 1e9)
    if (s >= 3600) return { value: `${sign}${Math.floor(s / 3600)}h ${pad(Math.floor((s % 3600) / 60))}`, unit: 'm' }
    return { value: `${sign}${Math.floor(s / 60)}m ${pad(s % 60)}`, unit: 's' }
  }
  for (const [size, unit] of units) {
    // 999.6 µs would round to "1000 µs": it's 1.00 ms.
    if (abs >= size * 0.9995) return { value: sign + digits(abs / size), unit }
  }
  return { value: sign + Math.round(abs).toString(), unit: abs === 0 ? 'ms' : 'ns' }
}

const pad = (n: number) => String(n).padStart(2, '0')

export function formatDuration(ns: number): string {
  const { value, unit } = splitDuration(ns)
  return /[mh] /.test(value) ? value + unit : `${value} ${unit}`
}

const goUnits: Record<string, number> = { ns: 1, us: 1e3, 'µs': 1e3, 'μs': 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }

/** Reads "250ms", "1.5s", "1m30s"; a bare number counts as milliseconds. Gives nanoseconds, or null if it is no duration. */
export function parseDuration(text: string): number | null {
  const t = text.trim().toLowerCase().replace(/\s+/g, '')
  if (t === '') return null
  if (/^\d+(\.\d+)?$/.test(t)) return Number(t) * 1e6
  if (!/^(\d+(\.\d+)?(ns|us|µs|μs|ms|s|m|h))+$/.test(t)) return null
  let sum = 0
  for (const [, n, , u] of t.matchAll(/(\d+(\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/g)) sum += Number(n) * goUnits[u]
  return sum
}

/** Writes nanoseconds as a Go duration for a request or a URL: whole numbers in the largest unit that keeps them exact. */
export function goDuration(ns: number): string {
  const n = Math.max(0, Math.round(ns))
  for (const [size, unit] of [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'us'],
  ] as const) {
    if (n >= size && n % size === 0) return `${n / size}${unit}`
  }
  return `${n}ns`
}

/** Rounds to two significant digits, for bounds that a person drew by hand. */
export function roundDuration(ns: number, up: boolean): number {
  if (ns <= 0) return 0
  const step = 10 ** (Math.floor(Math.log10(ns)) - 1)
  // Division by powers of ten below one is inexact, so the quotient is cleaned before it is rounded.
  const q = Number((ns / step).toPrecision(12))
  return Math.round((up ? Math.ceil(q) : Math.floor(q)) * step)
}
