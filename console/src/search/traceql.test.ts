import { describe, expect, it } from 'vitest'
import { toQuery } from './query'
import { readSearch } from './state'
import { fromTraceQL, toTraceQL, wantedAt } from './traceql'

describe('filters as TraceQL', () => {
  it.each([
    ['scope=all', '{ }'],
    ['', '{ call:caller = nil }'],
    ['caller=web&callee=pay&error=true', '{ call:caller = "web" && call:callee = "pay" && status = error }'],
    ['callee=a"b\\c&minDuration=5ms&maxDuration=1.5s', '{ call:callee = "a\\"b\\\\c" && duration >= 5ms && duration <= 1.5s }'],
    ['app=x&type=db&loadTest=false', '{ (call:caller = "x" || call:callee = "x") && call:type = "db" && call:loadTest = false }'],
    ['tag=k&tag=user.id%3D42&tag=a b%3Dx', '{ .k != nil && (.user.id = 42 || .user.id = "42") && ."a b" = "x" }'],
    ['callee=pay&through=web', '{ resource.service.name = "web" } >> { call:callee = "pay" }'],
    ['ancestorError=true&through=web&rootApp=gw', '{ resource.service.name = "web" } >> ({ status = error } >> { rootServiceName = "gw" })'],
    ['address=10.0.0.1&scope=all', '{ (call:callerAddress =~ "\\\\[?10\\\\.0\\\\.0\\\\.1\\\\]?(:\\\\d+)?" || call:calleeAddress =~ "\\\\[?10\\\\.0\\\\.0\\\\.1\\\\]?(:\\\\d+)?") }'],
    ['address=10.0.0.1:80&resultCode=500', '{ (call:callerAddress = "10.0.0.1:80" || call:calleeAddress = "10.0.0.1:80") && call:resultCode = "500" }'],
  ])('writes %j, and reads it back', (text, query) => {
    const s = readSearch(new URLSearchParams(text.replace(/ /g, '%20')))
    expect(toTraceQL(s)).toBe(query)
    const back = fromTraceQL(query)
    const { caller, ...filters } = back?.filters ?? {}
    expect({ ...filters, ...(caller === 'external' ? {} : caller ? { caller } : {}) }).toEqual(s.filters)
    expect(back?.tags).toEqual(s.tags)
    expect(back?.structure).toEqual(s.structure)
    expect(back?.entry).toBe(s.scope === 'entry')
  })

  it.each(['{ .a > 1 }', '{ } | count() > 2', '{ .a = 1 || .b = 2 }', '{ kind = server }', '{ } >> { }', 'nonsense', '{ status = error && status = error }'])('says that filters cannot be %j', (query) => {
    expect(fromTraceQL(query)).toBe(null)
  })

  it('asks by TraceQL where filters do not reach', () => {
    expect(toQuery(readSearch(new URLSearchParams('callee=pay&through=web')))).toEqual({ query: '{ resource.service.name = "web" } >> { call:callee = "pay" }', spans: 5, from: '-15m', to: 'now' })
    expect(toQuery(readSearch(new URLSearchParams('query={ .a = 1 }')))).toMatchObject({ query: '{ .a = 1 }' })
    expect(readSearch(new URLSearchParams('mode=traceql')).mode).toBe('traceql')
  })
})

describe('completion', () => {
  it.each([
    ['{ |', 'name', ''],
    ['{ resource.serv|', 'name', 'resource.serv'],
    ['{ .a = 1 && na|', 'name', 'na'],
    ['{ name = "GE|', 'value', 'GE'],
    ['{ name = |', 'value', ''],
    ['{ status = er|', 'value', 'er'],
    ['{ resource.service.name =~ "a b|', 'value', 'a b'],
    ['{ } |', 'stage', ''],
    ['{ } | co|', 'stage', 'co'],
    ['{ } | by(res|', 'name', 'res'],
    ['{ .a = "}" && x|', 'name', 'x'],
  ])('in %j offers a %s', (text, kind, typed) => {
    const caret = text.lastIndexOf('|')
    expect(wantedAt(text.slice(0, caret), caret)).toMatchObject({ kind, text: typed })
  })
})
