/** Answers /api/v1 from generated traces. It is for development and tests; the real server is written in Go. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { App, AppSeries, Call, CallPoint, CallSample, CallType, NodeKind, Operation, Pipeline, SeriesPoint, TagList, TagValues, Topology, Trace, TraceCall } from '../src/api/types.ts'
import { parseDuration } from '../src/format/duration.ts'
import { msOf } from '../src/format/time.ts'
import { fromTraceQL } from '../src/search/traceql.ts'
import { resolve } from '../src/timerange.ts'
import { failedTrace, hugeTrace, makeTraffic, named, smallTrace } from './generate.ts'

interface Data {
  byId: Map<string, Trace>
  calls: TraceCall[]
  ms: Map<TraceCall, number>
}

let data: Data | undefined

function load(): Data {
  if (data) return data
  const now = Number(process.env.MOCK_NOW ?? Date.now())
  const start = BigInt(Math.floor(now - 90_000)) * 1_000_000n
  const traces = makeTraffic(42, now, 180, Number(process.env.MOCK_TRACES ?? 2500))
  const byId = new Map<string, Trace>()
  for (const t of traces) byId.set(t.traceId, t).set(t.w3cTraceId, t)
  const calls = traces.flatMap((t) => t.calls).sort((a, b) => (a.startUnixNano < b.startUnixNano ? 1 : -1))
  const add = (name: string, t: Trace) => byId.set(name, t).set(t.traceId, t).set(t.w3cTraceId, t)
  add(named.small, smallTrace(start))
  add(named.failed, failedTrace(start))
  data = { byId, calls, ms: new Map(calls.map((c) => [c, msOf(c.startUnixNano)])) }
  return data
}

function huge(d: Data): Trace {
  const known = d.byId.get(named.huge)
  if (known) return known
  const t = hugeTrace(BigInt(Date.now() - 600_000) * 1_000_000n)
  d.byId.set(named.huge, t).set(t.traceId, t).set(t.w3cTraceId, t)
  return t
}

const kindOf = (name: string, type: CallType): NodeKind =>
  name === 'external' || name === 'external-bank' ? 'external'
    : name.startsWith('redis:') ? 'cache' : name.includes(':') ? 'db' : type === 'mq' && name.includes('topic') ? 'mq' : 'app'

function quantiles(values: number[]): { p50Nano: number; p90Nano: number; p99Nano: number } {
  const v = values.sort((a, b) => a - b)
  const at = (q: number) => v[Math.min(v.length - 1, Math.floor(q * v.length))] ?? 0
  return { p50Nano: at(0.5), p90Nano: at(0.9), p99Nano: at(0.99) }
}

function group<T>(items: T[], key: (t: T) => string): Map<string, T[]> {
  const m = new Map<string, T[]>()
  for (const i of items) {
    const k = key(i)
    const l = m.get(k)
    if (l) l.push(i)
    else m.set(k, [i])
  }
  return m
}

class Refused extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly place?: { line: number; column: number; endColumn: number }) {
    super(message)
  }
}

/** Refuses what the real server would, as far as tests go: a condition without a value. */
function checkTraceQL(query: string) {
  const wrong = /[=<>~]\s*([}&|])/.exec(query) ?? (/^[^{(]/.test(query.trim()) ? /\S/.exec(query) : null)
  if (!wrong) return
  const at = wrong.index + wrong[0].length
  throw new Refused(400, 'bad_request', `bad request: TraceQL, line 1, column ${at}: expected an attribute or a value, found "${wrong[0].slice(-1)}"`, { line: 1, column: at, endColumn: at + 1 })
}

/** A query that says what filters can is answered as these; others find everything. */
function asFilters(q: URLSearchParams): URLSearchParams {
  const query = q.get('query')
  if (!query) return q
  checkTraceQL(query)
  const form = fromTraceQL(query)
  const out = new URLSearchParams(range(q))
  for (const [k, v] of Object.entries(form?.filters ?? {})) out.set(k, v)
  for (const tag of form?.tags ?? []) out.append('tag', tag)
  return out
}

function select(d: Data, given: URLSearchParams): TraceCall[] {
  const q = asFilters(given)
  const { from, to } = resolve({ from: q.get('from') ?? '-1h', to: q.get('to') ?? 'now' }, Date.now())
  const bound = (name: string, fallback: number) => {
    const text = q.get(name)
    if (!text) return fallback
    const ns = parseDuration(text)
    if (ns === null) throw new Refused(400, 'bad_request', `${name} "${text}" is no duration: write it like 10ms or 1.5s`)
    return ns
  }
  const min = bound('minDuration', 0)
  const max = bound('maxDuration', Infinity)
  const tags = q.getAll('tag').map((t) => t.split(/=(.*)/s))
  const asked = new Map(q)
  const is = (name: string, value: string | boolean) => !asked.get(name) || asked.get(name) === String(value)
  return d.calls.filter((c) => {
    const t = d.ms.get(c) as number
    if (t < from || t > to || c.durationNano < min || c.durationNano > max) return false
    if (!is('caller', c.caller || 'external') || !is('callee', c.callee) || !is('operation', c.operation) || !is('type', c.type)) return false
    if (!is('error', c.error) || !is('loadTest', c.loadTest) || !is('resultCode', c.resultCode)) return false
    const app = asked.get('app')
    if (app && c.caller !== app && c.callee !== app) return false
    const address = asked.get('address')
    if (address && !c.callerAddress.startsWith(address) && !c.calleeAddress.startsWith(address)) return false
    return tags.every(([k, v]) => [c.client, c.server].some((h) => h && k in h.attributes && (v === undefined || String(h.attributes[k]) === v)))
  })
}

const listed = ({ client: _c, server: _s, id: _i, parentId: _p, depth: _d, skewNano: _k, selfNano: _f, critical: _r, notes: _n, ...call }: TraceCall): Call => call

function answer(path: string, q: URLSearchParams): unknown {
  const d = load()
  switch (path) {
    case '/calls': {
      const found = select(d, q)
      const limit = Math.min(Number(q.get('limit') ?? 50), 1000)
      const offset = Number(q.get('cursor') ?? 0)
      const next = offset + limit < found.length ? String(offset + limit) : ''
      return { calls: found.slice(offset, offset + limit).map(listed), next, partial: false, partialReason: '', searchedFromUnixNano: '' }
    }
    case '/traceql':
      checkTraceQL(q.get('query') ?? '')
      return { query: q.get('query') }
    case '/tags': {
      const names = new Set(d.calls.slice(0, 500).flatMap((c) => Object.keys((c.client ?? c.server)?.attributes ?? {})))
      const tags = [...names].sort().map((name) => ({ scope: 'span', name, query: `span.${name}` }))
      return { tags: [...tags, { scope: 'resource', name: 'service.name', query: 'resource.service.name' }], intrinsics: ['duration', 'kind', 'name', 'status', 'call:callee', 'call:caller'], partial: false } satisfies TagList
    }
    case '/tags/values': {
      const key = (q.get('tag') ?? '').replace(/^(span|resource)?\./, '')
      const of = (c: TraceCall) => (/service\.name|call:call/.test(q.get('tag') ?? '') ? c.callee : String((c.client ?? c.server)?.attributes[key] ?? ''))
      const values = [...new Set(d.calls.slice(0, 2000).map(of))].filter(Boolean).slice(0, 100)
      return { values: values.map((value) => ({ value, query: JSON.stringify(value) })), partial: false } satisfies TagValues
    }
    case '/calls/scatter': {
      const found = select(d, q)
      const most = Number(q.get('points') ?? 2000)
      const every = Math.ceil(found.length / most)
      const points: CallPoint[] = found
        .filter((_, i) => i % every === 0)
        .map(({ traceId, spanId, startUnixNano, durationNano, error, loadTest, caller, callee, operation }) => ({ traceId, spanId, startUnixNano, durationNano, error, loadTest, caller, callee, operation }))
      return { points, complete: every <= 1, matched: found.length, partial: false, partialReason: '' } satisfies CallSample
    }
    case '/apps/series': {
      const { from, to } = bounds(q)
      const step = Math.ceil((to - from) / 60_000 / 119) * 60_000
      const first = Math.floor(from / step) * step
      const steps = Math.ceil((to - first) / step)
      const apps = [...group(select(d, new URLSearchParams(range(q))), (c) => c.callee)].map(([name, l]) => {
        const [calls, errors] = [new Array<number>(steps).fill(0), new Array<number>(steps).fill(0)]
        for (const c of l) {
          const at = Math.floor(((d.ms.get(c) as number) - first) / step)
          calls[at]++
          if (c.error) errors[at]++
        }
        return { name, calls, errors }
      })
      return { stepSeconds: step / 1000, startUnixNano: `${first}000000`, dataSeconds: (to - from) / 1000, apps } satisfies AppSeries
    }
    case '/apps': {
      const apps: App[] = []
      for (const [name, calls] of group(select(d, new URLSearchParams(range(q))), (c) => c.callee)) {
        apps.push({ name, kind: kindOf(name, calls[0].type), calls: calls.length, errors: calls.filter((c) => c.error).length, ...quantiles(calls.map((c) => c.durationNano)), source: 'calls' })
      }
      return { apps: apps.sort((a, b) => b.calls - a.calls) }
    }
    case '/operations': {
      const calls = select(d, new URLSearchParams(range(q))).filter((c) => !q.get('app') || c.callee === q.get('app'))
      const operations: Operation[] = [...group(calls, (c) => c.operation)].map(([name, l]) => ({
        name, type: l[0].type, calls: l.length, errors: l.filter((c) => c.error).length, ...quantiles(l.map((c) => c.durationNano)),
      }))
      return { operations: operations.sort((a, b) => b.calls - a.calls), partial: false, partialReason: '' }
    }
    case '/topology': {
      const calls = select(d, q)
      const edges = [...group(calls, (c) => `${c.caller}\n${c.callee}\n${c.type}`).values()].map((l) => ({
        caller: l[0].caller || 'external', callee: l[0].callee, type: l[0].type, calls: l.length,
        errors: l.filter((c) => c.error).length, ...quantiles(l.map((c) => c.durationNano)), loadTestCalls: l.filter((c) => c.loadTest).length,
      }))
      const names = new Set(edges.flatMap((e) => [e.caller, e.callee]))
      const nodes = [...names].map((name) => {
        const l = calls.filter((c) => c.callee === name)
        return { name, kind: kindOf(name, l[0]?.type ?? 'http'), calls: l.length, errors: l.filter((c) => c.error).length, ...quantiles(l.map((c) => c.durationNano)) }
      })
      return { nodes, edges, from: q.get('from') ?? '-1h', to: q.get('to') ?? 'now', dataSeconds: (bounds(q).to - bounds(q).from) / 1000 } satisfies Topology
    }
    case '/series': {
      const calls = select(d, q).filter((c) => !q.get('app') || c.callee === q.get('app'))
      const points: SeriesPoint[] = [...group(calls, (c) => String(Math.floor(msOf(c.startUnixNano) / 60_000)))].map(([m, l]) => ({
        timeUnixNano: `${Number(m) * 60_000}000000`, calls: l.length, errors: l.filter((c) => c.error).length, ...quantiles(l.map((c) => c.durationNano)),
      }))
      return { stepSeconds: 60, points: points.sort((a, b) => (a.timeUnixNano < b.timeUnixNano ? -1 : 1)) }
    }
    case '/pipeline':
      return pipeline(Date.now())
    case '/status':
      return { version: 'mock', role: 'all', startedUnixNano: `${Date.now()}000000`, halvesReceived: d.calls.length * 2, callsStored: d.calls.length, bytesOnDisk: 0, retentionDays: 7, days: [], openCalls: 0 }
  }
  const m = /^\/traces\/(.+)$/.exec(path)
  if (m) {
    const id = decodeURIComponent(m[1])
    const t = id === named.huge ? huge(d) : d.byId.get(id)
    if (!t) throw new Refused(404, 'not_found', `no trace ${id} is stored`)
    return t
  }
  throw new Refused(404, 'not_found', `no such resource: ${path}`)
}

const started = Date.now() - 600_000

/** A server under load that grows with the clock: some is refused, some comes late. */
function pipeline(now: number): Pipeline {
  const n = (perSecond: number) => Math.floor(((now - started) / 1000) * perSecond)
  const count = (name: string, value: number, reason = '') => ({ name, reason, value })
  const day = (back: number) => new Date(now - back * 86_400_000).toISOString().slice(0, 10)
  const MiB = 2 ** 20
  return {
    startedUnixNano: `${started}000000`,
    stages: [
      {
        name: 'receive', perSecond: 2400, lagSeconds: 0, depth: 0, depthBytes: 3 * MiB, limitBytes: 96 * MiB,
        counters: [count('halves', n(2400)), count('stats', n(3)), count('resent', 40), count('requests', n(5), 'ok'), count('requests', n(0.2), 'later'), count('received', n(1900), 'otlp/grpc'), count('received', n(480), 'zipkin'), count('agents', n(20))],
        lost: [count('refused', n(100), 'rate'), count('refused', 0, 'busy'), count('attributes', 812, 'count'), count('rejected', 3, 'span_id'), count('gaps', 0)],
      },
      { name: 'log', perSecond: 5, lagSeconds: 0, depth: 0, depthBytes: 0, limitBytes: 0, counters: [count('records', n(5)), count('bytes', n(450_000)), count('syncs', n(5))], lost: [count('failures', 0, 'io'), count('skipped', 0)] },
      { name: 'pair', perSecond: 1500, lagSeconds: 0.02, depth: 1800, depthBytes: MiB, limitBytes: 32 * MiB, counters: [count('calls', n(1450), 'joined'), count('calls', n(30), 'one_sided'), count('calls', n(20), 'single'), count('late', 17), count('early', 0)], lost: [] },
      { name: 'store', perSecond: 1490, lagSeconds: 34, depth: 41_000, depthBytes: 38 * MiB, limitBytes: 128 * MiB, counters: [count('calls', n(1490)), count('ranges', n(1 / 30)), count('bytes', n(90_000)), count('expired', 0), count('cut', n(1 / 30), 'age'), count('merges', n(1 / 60))], lost: [count('failures', 0), count('crowded', 0), count('overflow', n(2), 'operation')] },
    ],
    windowSeconds: 10, configuredWindowSeconds: 10, syncSeconds: 0.003, syncP50Seconds: 0.0024, syncP99Seconds: 0.0112,
    disk: {
      bytes: 9_100 * MiB, logBytes: 60 * MiB, maxBytes: 20 * 1024 * MiB, freeBytes: 180 * 1024 * MiB, retentionDays: 7, bytesPerDay: 7_400 * MiB, forecastDays: 2.77,
      days: [{ day: day(0), calls: 31_000_000, bytes: 2_300 * MiB }, { day: day(1), calls: 92_000_000, bytes: 6_800 * MiB }],
    },
    process: { residentBytes: 212 * MiB, heapBytes: 96 * MiB, cpuSeconds: n(0.4), goroutines: 61, limitBytes: 512 * MiB },
    notReady: '',
  }
}

const bounds = (q: URLSearchParams) => resolve({ from: q.get('from') ?? '-1h', to: q.get('to') ?? 'now' }, Date.now())

const range = (q: URLSearchParams): Record<string, string> => ({ from: q.get('from') ?? '-1h', to: q.get('to') ?? 'now' })

/** Connect-style middleware: answers what is under /api/v1 and passes everything else on. */
export function handleMock(req: IncomingMessage, res: ServerResponse, next: () => void) {
  const url = new URL(req.url ?? '/', 'http://mock')
  if (!url.pathname.startsWith('/api/v1/')) return next()
  const send = (status: number, body: unknown) => {
    res.writeHead(status, { 'Content-Type': 'application/json' })
    res.end(JSON.stringify(body))
  }
  try {
    send(200, answer(url.pathname.slice('/api/v1'.length), url.searchParams))
  } catch (e) {
    if (e instanceof Refused) send(e.status, { error: { code: e.code, message: e.message, ...e.place } })
    else send(500, { error: { code: 'internal', message: String(e) } })
  }
}
