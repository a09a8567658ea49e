/** A time range as the URL holds it: relative ("-15m" to "now", shown as "last 15 minutes") or two instants. */
export interface TimeRange {
  from: string
  to: string
}

export const presets = ['-5m', '-15m', '-1h', '-3h', '-6h', '-24h', '-3d', '-7d'] as const
export const defaultRange: TimeRange = { from: '-15m', to: 'now' }

const size: Record<string, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 }

const relative = /^-(\d+)([smhd])$/

/** True for a range that moves with the clock. */
export const isRelative = (r: TimeRange) => r.to === 'now' && relative.test(r.from)

function instant(text: string, now: number): number {
  if (text === 'now') return now
  const m = relative.exec(text)
  if (m) return now - Number(m[1]) * size[m[2]]
  if (/^\d+$/.test(text)) {
    // Unix time in s, ms, µs or ns, told apart by magnitude as the API does.
    const n = Number(text)
    return n < 1e11 ? n * 1e3 : n < 1e14 ? n : n < 1e17 ? n / 1e3 : n / 1e6
  }
  return Date.parse(text)
}

/** The range in milliseconds, as of `now`. A bound that can't be read falls back to the default. */
export function resolve(range: TimeRange, now: number): { from: number; to: number } {
  let to = instant(range.to, now)
  if (Number.isNaN(to)) to = now
  let from = instant(range.from, now)
  if (Number.isNaN(from)) from = to - 900e3
  return from < to ? { from, to } : { from: to, to: from + 1 }
}

/** Reads a range from URL parameters. */
export function readRange(params: URLSearchParams): TimeRange {
  return { from: params.get('from') || defaultRange.from, to: params.get('to') || defaultRange.to }
}

/** Writes a range into URL parameters; the default leaves no trace. */
export function writeRange(params: URLSearchParams, range: TimeRange) {
  const set = (key: 'from' | 'to') =>
    range[key] === defaultRange[key] ? params.delete(key) : params.set(key, range[key])
  set('from')
  set('to')
}

/** What the API is asked with: days aren't among Go's units. */
export function apiRange(range: TimeRange): { from: string; to: string } {
  const m = /^-(\d+)d$/.exec(range.from)
  return { from: m ? `-${Number(m[1]) * 24}h` : range.from, to: range.to }
}

export const absolute = (from: number, to: number): TimeRange => ({
  from: new Date(Math.floor(from)).toISOString(),
  to: new Date(Math.ceil(to)).toISOString(),
})
