import { describe, expect, it } from 'vitest'
import { absolute, apiRange, isRelative, readRange, resolve, writeRange } from './timerange'

const now = Date.UTC(2026, 10, 23, 12)

describe('time ranges', () => {
  it.each([
    ['-15m', 'now', 15 * 60e3],
    ['-1h', 'now', 3600e3],
    ['-7d', 'now', 7 * 86400e3],
  ])('%s to %s', (from, to, length) => expect(resolve({ from, to }, now)).toEqual({ from: now - length, to: now }))

  it('tells Unix times apart by magnitude', () => {
    const at = Date.UTC(2026, 0, 1)
    for (const text of [at / 1e3, at, at * 1e3, `${at}000000`]) expect(resolve({ from: String(text), to: 'now' }, now).from).toBe(at)
  })

  it('makes sense of nonsense', () => {
    expect(resolve({ from: 'yesterday', to: 'now' }, now)).toEqual({ from: now - 900e3, to: now })
    const turned = resolve(absolute(now, now - 1000), now)
    expect(turned.from).toBeLessThan(turned.to)
  })

  it('leaves no trace of the default in the URL', () => {
    const params = new URLSearchParams('from=-5m&x=1')
    writeRange(params, { from: '-15m', to: 'now' })
    expect(params.toString()).toBe('x=1')
    expect(readRange(params)).toEqual({ from: '-15m', to: 'now' })
  })

  it('keeps an absolute range through the URL, to the millisecond and never smaller', () => {
    const params = new URLSearchParams()
    writeRange(params, absolute(now + 0.7, now + 5.2))
    const back = resolve(readRange(new URLSearchParams(params.toString())), 0)
    expect(back).toEqual({ from: now, to: now + 6 })
    expect(isRelative(readRange(params))).toBe(false)
  })

  it('asks the API in hours, not days', () => expect(apiRange({ from: '-3d', to: 'now' })).toEqual({ from: '-72h', to: 'now' }))
})
