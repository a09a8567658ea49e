import { describe, expect, it } from 'vitest'
import { queryString } from '../api/client'
import { binSeries } from './scatter'
import { durationDomain, durationTicks, linear, log } from './scale'
import { toQuery } from './query'
import { acceptTag, filterCount, readSearch, searchHref } from './state'

describe('the state in the URL', () => {
  it('reads every filter and asks the API for exactly that', () => {
    const s = readSearch(new URLSearchParams('caller=a&callee=b&error=true&minDuration=5ms&tag=k%3Dv&tag=k2&tag=k2&from=-3d&live=1&nonsense=1'))
    expect(s.filters).toEqual({ caller: 'a', callee: 'b', error: 'true', minDuration: '5ms' })
    expect(s.tags).toEqual(['k=v', 'k2'])
    expect(s.live).toBe(true)
    expect(filterCount(s)).toBe(6)
    expect(queryString(toQuery(s))).toBe('?caller=a&callee=b&error=true&minDuration=5ms&tag=k%3Dv&tag=k2&from=-72h&to=now')
  })

  it.each([
    ['', 'entry', 'external'],
    ['error=true&minDuration=5ms', 'entry', 'external'],
    ['scope=all', 'all', undefined],
    ['callee=b', 'all', undefined],
    ['tag=k', 'all', undefined],
    ['callee=b&scope=entry', 'entry', 'external'],
    ['caller=a&scope=entry', 'all', 'a'],
    ['scope=nonsense', 'entry', 'external'],
  ])('takes %j for calls of scope %s', (text, scope, caller) => {
    const s = readSearch(new URLSearchParams(text))
    expect(s.scope).toBe(scope)
    expect(toQuery(s).caller).toBe(caller)
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
