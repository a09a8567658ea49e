/**
 * Makes a payment system's traces for development and tests: deterministic for one seed and one "now". It speaks the
 * API's shapes only and knows nothing of the console.
 */
import type { CallType, Half, Trace, TraceCall } from '../src/api/types.ts'

/** A small fast random generator (mulberry32), so that runs repeat. */
export function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

interface Hop {
  callee: string
  op: string
  type: CallType
  /** The callee's own work in ms (median), children come on top. */
  own: number
  /** Share of calls in which this hop happens; default 1. */
  share?: number
  fail?: number
  sql?: string
  next?: Hop[]
}

const account: Hop = {
  callee: 'account', op: 'AccountService/Debit', type: 'rpc', own: 4, fail: 0.004,
  next: [
    { callee: 'redis:account', op: 'GET', type: 'cache', own: 0.4 },
    { callee: 'mysql:account', op: 'SELECT account', type: 'db', own: 2.2, sql: 'SELECT id, balance, version FROM account WHERE id = ? FOR UPDATE' },
    { callee: 'mysql:account', op: 'UPDATE account', type: 'db', own: 3.1, fail: 0.002, sql: 'UPDATE account SET balance = balance - ?, version = version + 1 WHERE id = ? AND version = ?' },
  ],
}
const ledger: Hop = {
  callee: 'ledger', op: 'LedgerService/Post', type: 'rpc', own: 3,
  next: [{ callee: 'mysql:ledger', op: 'INSERT entry', type: 'db', own: 4, sql: 'INSERT INTO entry (id, debit, credit, amount, currency, booked_at) VALUES (?, ?, ?, ?, ?, ?)' }],
}
const risk: Hop = {
  callee: 'risk', op: 'RiskService/Score', type: 'rpc', own: 14, fail: 0.006,
  next: [
    { callee: 'redis:feature', op: 'MGET', type: 'cache', own: 0.8 },
    { callee: 'rules', op: 'POST /evaluate', type: 'http', own: 6, share: 0.9 },
  ],
}
const pay: Hop = {
  callee: 'payment', op: 'PaymentService/Pay', type: 'rpc', own: 5, fail: 0.004,
  next: [
    risk,
    account,
    { callee: 'bank-gateway', op: 'POST /v2/charge', type: 'http', own: 38, share: 0.8, fail: 0.015, next: [{ callee: 'external-bank', op: 'POST /charge', type: 'http', own: 55 }] },
    ledger,
    { callee: 'notification', op: 'payment-done', type: 'mq', own: 9, next: [{ callee: 'sms', op: 'POST /send', type: 'http', own: 22, share: 0.5, fail: 0.03 }] },
  ],
}
const roots: { weight: number; hop: Hop }[] = [
  { weight: 5, hop: { callee: 'gateway', op: 'POST /pay', type: 'http', own: 2, next: [
    { callee: 'auth', op: 'GET /session', type: 'http', own: 3, next: [{ callee: 'redis:session', op: 'GET', type: 'cache', own: 0.5 }] },
    { callee: 'trade', op: 'TradeService/Create', type: 'rpc', own: 6, next: [
      { callee: 'mysql:trade', op: 'INSERT trade', type: 'db', own: 3, sql: 'INSERT INTO trade (id, buyer, seller, amount, state) VALUES (?, ?, ?, ?, ?)' }, pay] },
  ] } },
  { weight: 4, hop: { callee: 'gateway', op: 'GET /balance', type: 'http', own: 1.5, next: [
    { callee: 'auth', op: 'GET /session', type: 'http', own: 3 },
    { callee: 'account', op: 'AccountService/Balance', type: 'rpc', own: 2, next: [{ callee: 'redis:account', op: 'GET', type: 'cache', own: 0.4 }] },
  ] } },
  { weight: 3, hop: { callee: 'gateway', op: 'GET /orders/{id}', type: 'http', own: 2, next: [
    { callee: 'trade', op: 'TradeService/Get', type: 'rpc', own: 3, next: [{ callee: 'mysql:trade', op: 'SELECT trade', type: 'db', own: 1.8, sql: 'SELECT * FROM trade WHERE id = ?' }] },
  ] } },
  { weight: 1, hop: { callee: 'gateway', op: 'POST /refund', type: 'http', own: 3, fail: 0.02, next: [
    { callee: 'trade', op: 'TradeService/Refund', type: 'rpc', own: 5, next: [account, ledger] },
  ] } },
]

const hosts = new Map<string, number>()
/** An address that stays the same for an app and instance. */
function address(app: string, instance: number): string {
  if (!hosts.has(app)) hosts.set(app, hosts.size + 10)
  return `10.12.${hosts.get(app)}.${20 + instance}:${app.includes(':') ? 3306 : 8080}`
}

const hex = (n: number, width: number) => Math.floor(n).toString(16).padStart(width, '0')

/** Offsets are nanoseconds from the trace's start; texts are written when all is known. */
interface Draft {
  parent: number
  depth: number
  caller: string
  hop: Hop
  dotted: string
  at: number
  dur: number
  serverAt: number
  serverDur: number
  sides: TraceCall['sides']
  error: boolean
  skew: number
  rootError: boolean
  self: number
  notes: string[]
}

interface Options {
  /** No more calls than this. */
  limit?: number
  /** Each hop's children are repeated this often (a batch job). */
  fan?: number
  loadTest?: boolean
  slow?: number
}

function lognormal(rnd: () => number, median: number): number {
  const u = Math.max(rnd(), 1e-9)
  return median * Math.exp(0.45 * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * rnd()))
}

function grow(rnd: () => number, root: Hop, o: Options): Draft[] {
  const all: Draft[] = []
  const limit = o.limit ?? Infinity
  const visit = (hop: Hop, caller: string, dotted: string, parent: number, depth: number, at: number): Draft => {
    const store = hop.type === 'db' || hop.type === 'cache'
    const gapOut = store ? 0 : Math.round((0.15 + rnd() * 0.9) * 1e6)
    const gapBack = store ? 0 : Math.round((0.1 + rnd() * 0.5) * 1e6)
    const failed = rnd() < (hop.fail ?? 0)
    const d: Draft = {
      parent, depth, caller, hop, dotted, at, dur: 0, serverAt: at + gapOut, serverDur: 0, sides: 'both',
      error: failed, skew: 0, rootError: failed, self: 0, notes: [],
    }
    const index = all.push(d) - 1
    const own = lognormal(rnd, hop.own * (o.slow && hop.own > 10 ? o.slow : 1)) * 1e6
    let t = d.serverAt + own * 0.35
    let covered = 0
    let n = 0
    for (let round = 0; round < (o.fan ?? 1); round++) {
      for (const next of hop.next ?? []) {
        if (all.length >= limit) break
        if (rnd() > (next.share ?? 1) || (failed && n > 0)) continue
        const child = visit(next, hop.callee, `${dotted}.${++n}`, index, depth + 1, Math.round(t))
        if (next.type !== 'mq') {
          t += child.dur
          covered += child.dur
          if (child.error && next.type !== 'http') d.error = true
        } else {
          t += child.dur
        }
        t += own * 0.02
      }
    }
    d.serverDur = Math.round(t - d.serverAt + own * 0.6)
    if (hop.type === 'mq') {
      // The producer is done long before the consumer starts.
      d.dur = Math.round((0.8 + rnd()) * 1e6)
      const wait = Math.round((4 + rnd() * 30) * 1e6)
      const shift = d.dur + wait - gapOut
      for (let i = index + 1; i < all.length; i++) {
        all[i].at += shift
        all[i].serverAt += shift
      }
      d.serverAt += shift
    } else {
      d.dur = d.serverDur + gapOut + gapBack
    }
    d.self = Math.max(0, d.serverDur - covered)
    if (store) {
      d.sides = 'client'
      d.serverDur = 0
      d.self = d.dur
    } else if (hop.callee === 'external-bank') {
      d.sides = 'client'
    } else if (parent < 0) {
      d.sides = 'server'
      d.at = d.serverAt
      d.dur = d.serverDur
    } else {
      const r = rnd()
      if (r < 0.012) d.sides = 'client'
      else if (r < 0.02) {
        d.sides = 'server'
        d.at = d.serverAt
        d.dur = d.serverDur
        d.notes.push('late')
      } else if (r < 0.06) d.skew = Math.round((rnd() - 0.5) * 8e6)
    }
    return d
  }
  visit(root, '', '0', -1, 0, 0)
  return all
}

/** Builds one trace. `start` is nanoseconds since 1970. */
export function makeTrace(seed: number, start: bigint, o: Options = {}, root?: Hop): Trace {
  const rnd = random(seed)
  let pick = rnd() * roots.reduce((s, r) => s + r.weight, 0)
  const chosen = root ?? (roots.find((r) => (pick -= r.weight) <= 0) ?? roots[0]).hop
  const drafts = grow(rnd, chosen, o)
  const sofa = `0ad1${hex(0x1000 + (seed % 0xefff), 4)}${(start / 1_000_000n).toString().padStart(13, '0')}${1000 + (seed % 8000)}${4200000 + (seed % 999983)}`
  const w3c = sofa.padEnd(32, 'f')
  const base = { traceId: sofa, w3cTraceId: w3c }
  const order = sequence(drafts)
  const idOf = new Map(order.map((draft, i) => [draft, i]))
  const critical = criticalPath(drafts, order)
  const calls: TraceCall[] = order.map((draftIndex, id) => {
    const d = drafts[draftIndex]
    const parent = d.parent < 0 ? null : (idOf.get(d.parent) as number)
    const spanId = hex(hash(sofa + d.dotted) , 8) + hex(hash(d.dotted + 'x' + seed), 8)
    const serverId = hex(hash(`s${sofa}${d.dotted}`), 8) + hex(hash(`${d.dotted}y${seed}`), 8)
    const instance = seed % 3
    const from = d.caller ? address(d.caller, instance) : ''
    const to = address(d.hop.callee, (seed >> 2) % 3)
    const code = d.error ? (d.hop.type === 'http' ? (d.rootError ? '503' : '500') : d.hop.type === 'rpc' ? '02' : '01') : d.hop.type === 'http' ? '200' : '00'
    const message = d.rootError ? failure(d.hop) : d.error ? 'a call below failed' : ''
    const at = (ns: number) => (start + BigInt(ns)).toString()
    const half = (client: boolean): Half => {
      const from_ = client ? d.at : d.serverAt - d.skew
      const events = d.rootError && (!client || d.sides === 'client')
        ? [{ timeUnixNano: at(d.serverAt + Math.round(d.serverDur * 0.8)), name: 'exception', attributes: { 'exception.type': 'java.net.SocketTimeoutException', 'exception.message': message, 'exception.stacktrace': `java.net.SocketTimeoutException: ${message}\n\tat com.example.pay.Client.call(Client.java:88)\n\tat com.example.pay.Service.run(Service.java:41)` } }]
        : undefined
      return {
        ...base,
        spanId: client ? spanId : serverId,
        parentSpanId: d.parent < 0 ? undefined : hex(hash(sofa + drafts[d.parent].dotted), 8) + hex(hash(drafts[d.parent].dotted + 'x' + seed), 8),
        sofaSpanId: d.dotted,
        kind: d.hop.type === 'mq' ? (client ? 'producer' : 'consumer') : client ? 'client' : 'server',
        type: d.hop.type,
        app: client ? d.caller : d.hop.callee,
        instance: client ? `${d.caller}-${instance}` : `${d.hop.callee}-${(seed >> 2) % 3}`,
        operation: d.hop.op,
        component: { http: 'httpclient', rpc: 'sofarpc', db: 'datasource', cache: 'redis', mq: 'rocketmq', internal: '' }[d.hop.type],
        status: d.error ? 'error' : 'ok',
        statusMessage: d.error ? message : undefined,
        resultCode: code,
        localAddress: client ? from : to,
        peerAddress: client ? to : from,
        peer: client ? d.hop.callee : d.caller,
        loadTest: o.loadTest ?? false,
        route: seed % 2 ? 'agent' : 'otlp',
        startUnixNano: at(from_),
        start: new Date(Number((start + BigInt(from_)) / 1_000_000n)).toISOString(),
        durationNano: client ? d.dur : d.serverDur,
        attributes: attributes(d, client, code, seed),
        resource: { 'service.name': client ? d.caller : d.hop.callee, 'service.version': '2.4.1', 'host.name': `pay-${hex(hash(client ? from : to) % 65536, 4)}`, 'telemetry.sdk.language': 'go' },
        events,
      }
    }
    const client = d.sides !== 'server' ? half(true) : null
    const server = d.sides === 'both' || d.sides === 'server' ? half(false) : null
    return {
      ...base, spanId: client ? spanId : serverId, caller: d.caller, callee: d.hop.callee, type: d.hop.type, operation: d.hop.op,
      startUnixNano: at(d.at), durationNano: d.dur, serverDurationNano: server ? d.serverDur : null,
      gapNano: d.sides === 'both' ? (d.hop.type === 'mq' ? d.serverAt - d.at : d.dur - d.serverDur) : null,
      sides: d.sides, error: d.error, resultCode: code, serverResultCode: server ? code : '', loadTest: o.loadTest ?? false,
      callerAddress: from, calleeAddress: to, statusMessage: message,
      id, parentId: parent, depth: d.depth, client, server, skewNano: d.sides === 'both' ? d.skew : 0, selfNano: d.self,
      critical: critical.has(draftIndex), notes: d.notes,
    }
  })
  const end = drafts.reduce((m, d) => Math.max(m, d.at + d.dur, d.serverAt + d.serverDur), 0)
  const least = drafts.reduce((m, d) => Math.min(m, d.at), Infinity)
  return {
    ...base, startUnixNano: (start + BigInt(least)).toString(), durationNano: end - least,
    apps: [...new Set(calls.flatMap((c) => [c.caller, c.sides === 'client' ? '' : c.callee]))].filter(Boolean),
    halves: calls.reduce((n, c) => n + (c.client ? 1 : 0) + (c.server ? 1 : 0), 0),
    calls, truncated: false, errors: calls.filter((c) => c.error).length, loadTest: o.loadTest ?? false,
  }
}

function hash(s: string): number {
  let h = 2166136261
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619)
  return h >>> 0
}

function failure(hop: Hop): string {
  if (hop.type === 'http') return 'upstream timed out after 800ms (Read timed out)'
  if (hop.type === 'db') return 'Lock wait timeout exceeded; try restarting transaction'
  return 'com.alipay.sofa.rpc.core.exception.SofaTimeOutException: no answer in 500 ms'
}

function attributes(d: Draft, client: boolean, code: string, seed: number): Record<string, unknown> {
  const biz = { 'biz.order': `T${20261123000000 + seed}`, 'biz.channel': ['app', 'web', 'mini'][seed % 3] }
  switch (d.hop.type) {
    case 'http':
      return { 'http.request.method': d.hop.op.split(' ')[0], 'url.path': d.hop.op.split(' ')[1] ?? '/', 'http.response.status_code': Number(code), ...(client ? { 'server.address': d.hop.callee } : { 'http.route': d.hop.op.split(' ')[1], 'user_agent.original': 'okhttp/4.12' }), ...biz }
    case 'rpc':
      return { 'rpc.system': 'sofarpc', 'rpc.service': `com.example.${d.hop.callee}.${d.hop.op.split('/')[0]}`, 'rpc.method': d.hop.op.split('/')[1], 'req.size': 412 + (seed % 300), 'resp.size': 96 + (seed % 900), ...(client ? { 'invoke.type': 'sync', protocol: 'bolt' } : { 'server.pool.wait': '0ms' }), ...biz }
    case 'db':
      return { 'db.system.name': 'mysql', 'db.namespace': d.hop.callee.split(':')[1], 'db.query.text': d.hop.sql ?? d.hop.op, 'database.endpoint': address(d.hop.callee, 0) }
    case 'cache':
      return { 'db.system.name': 'redis', 'db.operation.name': d.hop.op }
    case 'mq':
      return { 'messaging.system': 'rocketmq', 'messaging.destination.name': d.hop.op, 'messaging.message.id': hex(hash(d.dotted + seed), 8) }
    default:
      return {}
  }
}

/** Preorder with siblings by start. */
function sequence(drafts: Draft[]): number[] {
  const children = new Map<number, number[]>()
  drafts.forEach((d, i) => {
    const list = children.get(d.parent)
    if (list) list.push(i)
    else children.set(d.parent, [i])
  })
  const out: number[] = []
  const stack = [...(children.get(-1) ?? [])].reverse()
  while (stack.length) {
    const i = stack.pop() as number
    out.push(i)
    const below = (children.get(i) ?? []).sort((a, b) => drafts[a].at - drafts[b].at)
    for (let k = below.length - 1; k >= 0; k--) stack.push(below[k])
  }
  return out
}

/** From the root, always on into the child that ends last (asynchronous ones aside). */
function criticalPath(drafts: Draft[], order: number[]): Set<number> {
  const on = new Set<number>([0])
  for (const i of order) {
    if (!on.has(i)) continue
    const below = drafts.map((d, k) => ({ d, k })).filter(({ d }) => d.parent === i && d.hop.type !== 'mq')
    if (drafts.length > 2000 && i > 50) continue
    for (const { k, d } of below) if (d.dur > drafts[i].dur * 0.25) on.add(k)
  }
  return on
}

/** The traces that tests and screenshots look at by name. */
export const named = { small: 'small', huge: 'huge', failed: 'failed' } as const

export function smallTrace(start: bigint): Trace {
  // gateway → trade → redis and mysql: 5 halves, one of each kind of bar.
  return makeTrace(101, start, {}, { callee: 'gateway', op: 'GET /orders/{id}', type: 'http', own: 2, next: [
    { callee: 'trade', op: 'TradeService/Get', type: 'rpc', own: 3, next: [
      { callee: 'redis:trade', op: 'GET', type: 'cache', own: 0.4 },
      { callee: 'mysql:trade', op: 'SELECT trade', type: 'db', own: 1.8, sql: 'SELECT * FROM trade WHERE id = ?' },
    ] },
  ] })
}

export function hugeTrace(start: bigint, halves = 50_000): Trace {
  // Repeats the payment as a batch run would.
  const batch: Hop = { callee: 'batch', op: 'nightly-settlement', type: 'rpc', own: 40, next: [
    { callee: 'trade', op: 'TradeService/Settle', type: 'rpc', own: 8, next: [pay, ledger, account] },
  ] }
  const rnd = 7
  let low = 1
  let trace = makeTrace(rnd, start, { fan: 1 }, batch)
  // `fan` multiplies on every level, so the root alone is repeated here.
  const repeated = (n: number): Hop => ({ ...batch, next: Array.from({ length: n }, () => batch.next![0]) })
  low = Math.ceil(halves / trace.halves)
  trace = makeTrace(rnd, start, {}, repeated(low))
  return trace
}

export function failedTrace(start: bigint): Trace {
  for (let seed = 500; ; seed++) {
    const t = makeTrace(seed, start, {}, roots[0].hop)
    if (t.errors > 1 && t.calls.length > 18) return t
  }
}

/** `count` traces over the `minutes` before `now`, newest first. */
export function makeTraffic(seed: number, now: number, minutes: number, count: number): Trace[] {
  const rnd = random(seed)
  const traces: Trace[] = []
  for (let i = 0; i < count; i++) {
    const at = now - rnd() * minutes * 60_000 * (rnd() < 0.1 ? 0.12 : 1)
    const start = BigInt(Math.floor(at)) * 1_000_000n + BigInt(Math.floor(rnd() * 1e6))
    traces.push(makeTrace(1000 + i, start, { loadTest: rnd() < 0.12, slow: rnd() < 0.02 ? 12 : 1 }))
  }
  return traces.sort((a, b) => (a.startUnixNano < b.startUnixNano ? 1 : -1))
}
