import { describe, expect, it } from 'vitest'
import { failedTrace, hugeTrace, makeTrace, smallTrace } from '../../mock/generate'
import type { Trace, TraceCall } from '../api/types'
import { aggregate } from './aggregate'
import { rulerTicks, tickText } from './lane'
import { buildModel, findRows, gapsOf, isCollapsed, reveal, toggle, visibleRows, type Folding } from './model'
import { readTrace, writeFolding, writeZoom } from './state'

const start = 1_795_434_750_296_000_000n
const open: Folding = { depth: null, turned: new Set() }

/** A trace from lines "id parent start duration", in any order. */
function traceOf(...lines: string[]): Trace {
  const calls = lines.map((line) => {
    const [id, parent, at, dur, span] = line.split(' ')
    const half = { startUnixNano: (start + BigInt(at)).toString(), durationNano: Number(dur), attributes: {}, app: `app${id}` }
    return {
      id: Number(id), parentId: parent === '-' ? null : Number(parent), spanId: span ?? `s${id}`, caller: '', callee: `app${id}`,
      operation: `op${id}`, type: 'rpc', sides: 'both', startUnixNano: half.startUnixNano, durationNano: Number(dur),
      client: half, server: { ...half, startUnixNano: (start + BigInt(at) + 1n).toString(), durationNano: Number(dur) - 3 },
      skewNano: 0, selfNano: 0, critical: false, depth: 0, error: false, notes: null,
    } as unknown as TraceCall
  })
  return { traceId: 't', w3cTraceId: 't', startUnixNano: start.toString(), durationNano: 0, apps: [], halves: 0, calls, truncated: false, errors: 0, loadTest: false }
}

const order = (m: ReturnType<typeof buildModel>) => m.rows.map((r) => `${' '.repeat(r.depth)}${r.call.id}`)

describe('the tree', () => {
  it('puts siblings by start and children below their parent, whatever the order received', () => {
    const m = buildModel(traceOf('3 1 40 5', '0 - 0 100', '2 0 10 5', '1 0 30 50', '4 1 35 2'))
    expect(order(m)).toEqual(['0', ' 2', ' 1', '  4', '  3'])
    expect(m.rows.map((r) => r.last)).toEqual([5, 2, 5, 4, 5])
    expect(m.extent).toBe(100)
    expect(m.maxDepth).toBe(2)
  })

  it('shows calls with an unknown parent as roots, and loses none in a ring', () => {
    expect(order(buildModel(traceOf('0 - 0 10', '1 77 5 10')))).toEqual(['0', '1'])
    const ring = buildModel(traceOf('0 - 0 10', '1 2 5 10', '2 1 6 10'))
    expect(ring.rows.map((r) => r.call.id).sort()).toEqual([0, 1, 2])
  })

  it('tells calls with one span id apart', () => {
    const m = buildModel(traceOf('0 - 0 10 x', '1 0 1 2 y', '2 0 3 2 y'))
    expect(m.rows.map((r) => r.key)).toEqual(['x', 'y', 'y.1'])
    expect(m.byKey.get('y.1')?.call.id).toBe(2)
  })

  it('finds a call by the ids of both halves', () => {
    const trace = traceOf('0 - 0 10 x')
    trace.calls[0].server = { ...trace.calls[0].server!, spanId: 'other' }
    expect(buildModel(trace).byKey.get('other')?.key).toBe('x')
  })

  it('survives a chain of 20,000 calls', () => {
    const m = buildModel(traceOf('0 - 0 99', ...Array.from({ length: 19_999 }, (_, i) => `${i + 1} ${i} 1 5`)))
    expect(m.rows).toHaveLength(20_000)
    expect(m.rows[0].last).toBe(20_000)
  })

  it('moves halves by their skew, for display', () => {
    const t = traceOf('0 - 100 50')
    t.calls[0].skewNano = -20
    t.calls[0].clientSkewNano = 10
    const [r] = buildModel(t).rows
    expect(r.client).toEqual({ start: 110, end: 160 })
    expect(r.server).toEqual({ start: 81, end: 128 })
  })
})

describe('the gap', () => {
  it('is named at both ends', () => expect(gapsOf(buildModel(traceOf('0 - 0 100')).rows[0])).toEqual({ request: 1, response: 2, queue: null }))

  it('of a message is the time from sending to consuming', () => {
    const t = traceOf('0 - 0 10')
    t.calls[0].type = 'mq'
    t.calls[0].server!.startUnixNano = (start + 40n).toString()
    expect(gapsOf(buildModel(t).rows[0])?.queue).toBe(40)
  })

  it('is unknown with one side', () => {
    const t = traceOf('0 - 0 10')
    t.calls[0].server = null
    expect(gapsOf(buildModel(t).rows[0])).toBeNull()
  })
})

describe('folding', () => {
  const m = buildModel(traceOf('0 - 0 100', '1 0 1 50', '2 1 2 10', '3 1 20 10', '4 0 60 10', '5 4 61 2'))

  it('hides what is below a collapsed row', () => {
    expect(visibleRows(m, open)).toEqual([0, 1, 2, 3, 4, 5])
    expect(visibleRows(m, toggle(open, 1))).toEqual([0, 1, 4, 5])
    expect(visibleRows(m, { depth: 1, turned: new Set() })).toEqual([0, 1, 4])
    expect(visibleRows(m, { depth: 1, turned: new Set([4]) })).toEqual([0, 1, 4, 5])
    expect(visibleRows(m, { depth: 0, turned: new Set() })).toEqual([0])
  })

  it('never calls a leaf collapsed', () => expect(isCollapsed(m.rows[2], { depth: 0, turned: new Set() })).toBe(false))

  it('opens just enough to show a row', () => {
    const f = reveal(m, { depth: 0, turned: new Set() }, 3)
    expect(visibleRows(m, f)).toEqual([0, 1, 2, 3, 4])
    expect(reveal(m, open, 3)).toBe(open)
  })

  it('goes through the URL', () => {
    const f: Folding = { depth: 2, turned: new Set([9, 4]) }
    const params = new URLSearchParams(Object.entries({ ...writeFolding(f), ...writeZoom([1.4, 900.6]) }) as [string, string][])
    const back = readTrace(params)
    expect(back.folding).toEqual(f)
    expect(back.zoom).toEqual([1, 901])
    expect(readTrace(new URLSearchParams('depth=x&turn=a,3&t=9-2&view=zzz'))).toMatchObject({ folding: { depth: null, turned: new Set([3]) }, zoom: null, view: 'waterfall' })
  })

  it('filters rows where asked', () => expect(visibleRows(m, open, (r) => r.call.id % 2 === 1)).toEqual([1, 3, 5]))
})

describe('search in a trace', () => {
  const m = buildModel(failedTrace(start))
  it('finds by app, operation, and attribute, all words required', () => {
    expect(findRows(m, '')).toEqual([])
    expect(findRows(m, 'LedgerService').map((i) => m.rows[i].call.callee)).toEqual(['ledger'])
    expect(findRows(m, 'mysql update set').length).toBe(1)
    expect(findRows(m, 'for update').length).toBeGreaterThan(0)
    expect(findRows(m, 'db.namespace=ledger').length).toBe(1)
    expect(findRows(m, 'no such thing')).toEqual([])
  })
})

describe('the call graph', () => {
  it('counts every call once on one edge', () => {
    const m = buildModel(makeTrace(7, start))
    for (const by of ['app', 'operation'] as const) {
      const g = aggregate(m, by)
      const counted = g.edges.flatMap((e) => e.rows).sort((a, b) => a - b)
      expect(counted).toEqual(m.rows.map((r) => r.index))
      const known = new Set(g.nodes.map((n) => n.id))
      for (const e of g.edges) expect(known.has(e.from) && known.has(e.to)).toBe(true)
    }
  })

  it('lets internal spans stand for their app', () => {
    const t = traceOf('0 - 0 100', '1 0 1 50', '2 1 2 10')
    t.calls[1].type = 'internal'
    t.calls[1].sides = 'internal'
    t.calls[1].callee = 'app0'
    const g = aggregate(buildModel(t), 'app')
    expect(g.edges.map((e) => `${e.from}>${e.to}`)).toEqual(['external>app0', 'app0>app2'])
  })

  it('sums calls, errors and time', () => {
    const t = traceOf('0 - 0 100', '1 0 1 50', '2 0 60 30')
    t.calls[1].callee = t.calls[2].callee = 'b'
    t.calls[2].error = true
    const e = aggregate(buildModel(t), 'app').edges.find((x) => x.to === 'b')
    expect(e).toMatchObject({ errors: 1, total: 80, slowest: 50 })
    expect(e?.rows).toHaveLength(2)
  })
})

describe('the mock', () => {
  it('has a trace of 5 spans and one of about 50,000', () => {
    expect(smallTrace(start).halves).toBe(5)
    const huge = hugeTrace(start)
    expect(huge.halves).toBeGreaterThan(45_000)
    const m = buildModel(huge)
    expect(m.rows).toHaveLength(huge.calls.length)
    expect(m.rows.every((r, i) => r.index === i && r.last > i && (r.parent < 0 || r.parent < i))).toBe(true)
  })
})

it('the ruler has round marks from zero', () => {
  expect(rulerTicks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100])
  expect(rulerTicks(30, 95, 3)).toEqual([50])
  expect(rulerTicks(5, 5, 3)).toEqual([])
})

it('marks far from zero stay apart', () => {
  expect([0, 50e6, 100e6].map((v) => tickText(v, 50e6))).toEqual(['0', '50 ms', '100 ms'])
  expect([60e9, 60.2e9, 60.4e9].map((v) => tickText(v, 0.2e9))).toEqual(['60.0 s', '60.2 s', '60.4 s'])
  expect([1.5e6, 2e6].map((v) => tickText(v, 0.5e6))).toEqual(['1.5 ms', '2.0 ms'])
  expect(tickText(120e9, 60e9)).toBe('2m 00s')
})
