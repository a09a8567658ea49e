/** Groups a whole number: 12,345. The same in every language, so that columns look alike. */
export function formatCount(n: number): string {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Shortens a count for a label: 12.3k, 4.56M. Three significant digits. */
export function formatShort(n: number): string {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (n >= size * 0.9995) {
      const x = n / size
      return (x >= 99.95 ? x.toFixed(0) : x >= 9.995 ? x.toFixed(1) : x.toFixed(2)) + unit
    }
  }
  return Number.isInteger(n) ? String(n) : n >= 10 ? n.toFixed(1) : n.toPrecision(2)
}

/** Calls per second over a range, as a person would say it: "12.3", "0.04". */
export function formatRate(calls: number, seconds: number): string {
  if (calls === 0 || seconds <= 0) return '0'
  const r = calls / seconds
  if (r >= 1000) return formatShort(r)
  if (r >= 100) return r.toFixed(0)
  if (r >= 10) return r.toFixed(1)
  if (r >= 0.01) return r.toFixed(2)
  return '<0.01'
}

/** A share as per cent. What is not nothing never reads as 0 %, what is not all never as 100 %. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return '0%'
  if (part >= whole) return '100%'
  const p = (part / whole) * 100
  if (p < 0.01) return '<0.01%'
  if (p < 1) return `${p.toFixed(2)}%`
  return `${Math.min(p, 99.9).toFixed(1)}%`
}

/** Bytes in binary units, as the settings are written: "1.50 GiB". */
export function formatBytes(n: number): string {
  for (const [size, unit] of [
    [2 ** 40, 'TiB'],
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ] as const) {
    if (n >= size * 0.9995) {
      const x = n / size
      return `${x >= 99.95 ? x.toFixed(0) : x >= 9.995 ? x.toFixed(1) : x.toFixed(2)} ${unit}`
    }
  }
  return `${Math.round(n)} B`
}
