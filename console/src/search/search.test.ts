import { describe, expect, it } from 'vitest'
import type { Call, CallPage } from '../api/types'
import { queryString, type Query } from '../api/client'
import { binSeries } from './scatter'
import { callKey, loadSample, merge, slicesOf, upperDuration } from './sample'
import { durationDomain, durationTicks, linear, log } from './scale'
import { acceptTag, filterCount, readSearch, searchHref, toQuery } from './state'

describe('the state in the URL', () => {
  it('reads every filter and asks the API for exactly that', () => {
    const s = readSearch(new URLSearchParams('caller=a&callee=b&error=true&minDuration=5ms&tag=k%3Dv&tag=k2&tag=k2&from=-3d&live=1&nonsense=1'))
    expect(s.filters).toEqual({ caller: 'a', callee: 'b', error: 'true', minDuration: '5ms' })
    expect(s.tags).toEqual(['k=v', 'k2'])
    expect(s.live).toBe(true)
    expect(filterCount(s)).toBe(6)
    expect(queryString(toQuery(s))).toBe('?caller=a&callee=b&error=true&minDuration=5ms&tag=k%3Dv&tag=k2&from=-72h&to=now')
  })

  it('makes links that read back', () => {
    const link = searchHref({ callee: 'a b&c', error: 'true' }, { from: '-5m', to: 'now' }, ['x=1&2'])
    const s = readSearch(new URLSearchParams(link.slice(2)))
    expect(s.filters).toEqual({ callee: 'a b&c', error: 'true' })
    expect(s.tags).toEqual(['x=1&2'])
    expect(s.range.from).toBe('-5m')
    expect(searchHref({})).toBe('/')
  })

  it.each([
    ['k=v', 'k=v'],
    [' k = v=w ', 'k=v=w'],
    ['k', 'k'],
    ['=v', null],
    [' ', null],
  ])('takes the tag %j as %j', (text, tag) => expect(acceptTag(text)).toBe(tag))
})

const call = (n: number, durationNano: number, error = false): Call =>
  ({ traceId: 't', spanId: String(n), startUnixNano: `${n}000000`, durationNano, error }) as Call

describe('the sample', () => {
  /** A server with 10,000 calls, one per millisecond, of which every hundredth failed and one is very slow. */
  const all = Array.from({ length: 10_000 }, (_, n) => call(n, n === 77 ? 9e9 : 1e6 + n, n % 100 === 0))
  const asked: Query[] = []
  const server = async (q: Query): Promise<CallPage> => {
    asked.push(q)
    const least = q.minDuration ? Number(String(q.minDuration).replace('ns', '')) : 0
    const found = all
      .filter((c, n) => n >= Number(q.from) && n < Number(q.to) && (!q.error || c.error) && c.durationNano >= least)
      .reverse()
    return { calls: found.slice(0, Number(q.limit)), next: found.length > Number(q.limit) ? 'x' : '', partial: false, partialReason: '' }
  }

  it('is everything when that is little', async () => {
    const s = await loadSample({ from: '0', to: '300' }, { from: 0, to: 300 }, server, new AbortController().signal)
    expect(s.complete).toBe(true)
    expect(s.calls).toHaveLength(300)
  })

  it('covers the whole range, failed ones and the slowest', async () => {
    asked.length = 0
    const s = await loadSample({ from: 0, to: 10_000 }, { from: 0, to: 10_000 }, server, new AbortController().signal)
    expect(s.complete).toBe(false)
    for (const part of slicesOf(0, 10_000, 10)) {
      expect(s.calls.some((c) => Number(c.spanId) >= part.from && Number(c.spanId) < part.to)).toBe(true)
    }
    expect(s.calls.filter((c) => c.error)).toHaveLength(100)
    expect(s.calls.some((c) => c.durationNano === 9e9)).toBe(true)
    expect(new Set(s.calls.map(callKey)).size).toBe(s.calls.length)
    expect(asked.length).toBeLessThan(100)
  })

  it('merges without doubling and finds the upper durations', () => {
    expect(merge([[call(1, 1)], [call(1, 1), call(2, 1)]])).toHaveLength(2)
    expect(upperDuration(Array.from({ length: 100 }, (_, i) => call(i, i)), 0.01)).toBe(99)
    expect(upperDuration([], 0.01)).toBe(0)
  })
})

describe('scales', () => {
  it('invert', () => {
    const x = linear(10, 20, 100, 300)
    expect(x(15)).toBe(200)
    expect(x.invert(200)).toBe(15)
    const y = log(1e6, 1e9, 300, 0)
    expect(y(1e6)).toBeCloseTo(300)
    expect(y.invert(y(5e7))).toBeCloseTo(5e7, 0)
    expect(y(0)).toBeGreaterThan(300)
  })

  it.each([[[]], [[5e6]], [[1, 9e12]], [[0, 0]], [[999_999, 1_000_001]]])('have a domain of a decade or more around %j', (values) => {
    const [d0, d1] = durationDomain(values as number[])
    expect(d1 / d0).toBeGreaterThanOrEqual(9.9)
    for (const v of values as number[]) if (v > 0) expect(v >= d0 && v <= d1).toBe(true)
    const ticks = durationTicks(d0, d1)
    expect(ticks.length).toBeGreaterThan(1)
    expect(ticks.length).toBeLessThan(16)
  })
})

it('the series keeps calls per minute when minutes are put together', () => {
  const points = Array.from({ length: 600 }, (_, i) => ({ timeUnixNano: `${i * 60_000}000000`, calls: 30, errors: 3, p50Nano: 0, p99Nano: 0 }))
  const bins = binSeries({ stepSeconds: 60, points }, 0, 600 * 60_000, 300)
  expect(bins.length).toBeLessThan(100)
  expect(bins[3].calls).toBe(30)
  expect(bins[3].errors).toBe(3)
})
