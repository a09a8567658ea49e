import type { Half, Trace, TraceCall } from '../api/types'
import { nanosSince } from '../format/time'

/** A bar in nanoseconds from the trace's start. */
export interface Bar {
  start: number
  end: number
}

/** What is added to the times of a call's half for display. */
export const shiftOf = (c: TraceCall, h: Half): number => (h === c.client ? c.clientSkewNano : c.skewNano) || 0

/** One row of the waterfall: one call, placed in the tree and in time. */
export interface Row {
  call: TraceCall
  /** The call's name in the URL: its span id, numbered where the id repeats (retries). */
  key: string
  index: number
  parent: number
  depth: number
  /** Rows index+1 … last-1 are the descendants. */
  last: number
  children: number
  /** The client side, or null if it wasn't received. */
  client: Bar | null
  /** The server side, corrected for skew, or null. */
  server: Bar | null
  start: number
  end: number
}

export interface TraceModel {
  trace: Trace
  rows: Row[]
  /** The rows by key, and by the span ids of their halves where no key is the same. */
  byKey: Map<string, Row>
  origin: bigint
  /** Nanoseconds from the first start to the last end. */
  extent: number
  maxDepth: number
}

const barOf = (origin: bigint, half: Half, shift: number): Bar => {
  const start = nanosSince(origin, half.startUnixNano) + shift
  return { start, end: start + half.durationNano }
}

/**
 * Puts the calls into preorder (siblings by start) and places them in time. The API sends them in tree order already, but
 * collapsing relies on it, so it is made sure here; a parent that isn't in the list makes its calls roots.
 */
export function buildModel(trace: Trace): TraceModel {
  const { calls } = trace
  const n = calls.length
  let origin = BigInt(trace.startUnixNano || '0')
  for (const c of calls) {
    const at = BigInt(c.startUnixNano)
    if (at < origin || origin === 0n) origin = at
  }
  const position = new Map<number, number>()
  calls.forEach((c, i) => position.set(c.id, i))

  const bars = calls.map((c) => {
    const client = c.client ? barOf(origin, c.client, c.clientSkewNano || 0) : null
    const server = c.server ? barOf(origin, c.server, c.skewNano || 0) : null
    const lead = client ?? server ?? { start: nanosSince(origin, c.startUnixNano), end: nanosSince(origin, c.startUnixNano) + c.durationNano }
    return { client, server, start: Math.min(lead.start, server?.start ?? Infinity), end: Math.max(lead.end, server?.end ?? 0), lead: lead.start }
  })

  const children: number[][] = Array.from({ length: n }, () => [])
  const roots: number[] = []
  calls.forEach((c, i) => {
    const p = c.parentId === null || c.parentId === undefined ? undefined : position.get(c.parentId)
    if (p === undefined || p === i) roots.push(i)
    else children[p].push(i)
  })
  const byStart = (a: number, b: number) => bars[a].lead - bars[b].lead || a - b
  roots.sort(byStart)

  const rows: Row[] = []
  const byKey = new Map<string, Row>()
  const repeats = new Map<string, number>()
  let extent = 0
  let maxDepth = 0
  const walk = (from: number[]) => {
    // An explicit stack: traces may be tens of thousands of levels deep.
    const stack = from.map((i) => ({ i, parent: -1 })).reverse()
    while (stack.length) {
      const { i, parent } = stack.pop() as { i: number; parent: number }
      const call = calls[i]
      const count = repeats.get(call.spanId) ?? 0
      repeats.set(call.spanId, count + 1)
      const row: Row = {
        call,
        key: count ? `${call.spanId}.${count}` : call.spanId,
        index: rows.length,
        parent,
        depth: parent < 0 ? 0 : rows[parent].depth + 1,
        last: 0,
        children: children[i].length,
        client: bars[i].client,
        server: bars[i].server,
        start: bars[i].start,
        end: bars[i].end,
      }
      rows.push(row)
      byKey.set(row.key, row)
      extent = Math.max(extent, row.end)
      maxDepth = Math.max(maxDepth, row.depth)
      const below = children[i].sort(byStart)
      for (let k = below.length - 1; k >= 0; k--) stack.push({ i: below[k], parent: row.index })
    }
  }
  walk(roots)
  // A ring of parents has no root and would be lost: its first call is taken for one.
  if (rows.length < n) {
    const seen = new Set(rows.map((r) => r.call))
    for (let i = 0; i < n; i++) {
      if (seen.has(calls[i])) continue
      for (const list of children) {
        const k = list.indexOf(i)
        if (k >= 0) list.splice(k, 1)
      }
      const before = rows.length
      walk([i])
      for (let k = before; k < rows.length; k++) seen.add(rows[k].call)
    }
  }
  for (let i = rows.length - 1; i >= 0; i--) {
    const r = rows[i]
    r.last = Math.max(r.last, i + 1)
    if (r.parent >= 0) rows[r.parent].last = Math.max(rows[r.parent].last, r.last)
  }
  // A link made while one half of a call was still on its way names the call by the other: both ids lead to it.
  for (const r of rows) {
    for (const half of [r.call.client, r.call.server]) if (half && !byKey.has(half.spanId)) byKey.set(half.spanId, r)
  }
  return { trace, rows, byKey, origin, extent: Math.max(extent, 1), maxDepth }
}

/**
 * What is collapsed: everything from level `depth` on (null: nothing), with single rows turned over from that. Small
 * enough for a URL whatever the size of the trace.
 */
export interface Folding {
  depth: number | null
  turned: ReadonlySet<number>
}

export const isCollapsed = (r: Row, f: Folding): boolean =>
  r.children > 0 && (f.depth !== null && r.depth >= f.depth) !== f.turned.has(r.index)

/** The indexes of the rows in view, in order. */
export function visibleRows(model: TraceModel, f: Folding, only?: (r: Row) => boolean): number[] {
  const out: number[] = []
  const { rows } = model
  for (let i = 0; i < rows.length; ) {
    const r = rows[i]
    if (!only || only(r)) out.push(i)
    i = isCollapsed(r, f) ? r.last : i + 1
  }
  return out
}

/** Turns over what must be, so that a row comes into view. */
export function reveal(model: TraceModel, f: Folding, index: number): Folding {
  let turned: Set<number> | null = null
  for (let p = model.rows[index].parent; p >= 0; p = model.rows[p].parent) {
    if (!isCollapsed(model.rows[p], f)) continue
    turned ??= new Set(f.turned)
    if (turned.has(p)) turned.delete(p)
    else turned.add(p)
  }
  return turned ? { depth: f.depth, turned } : f
}

export function toggle(f: Folding, index: number): Folding {
  const turned = new Set(f.turned)
  if (turned.has(index)) turned.delete(index)
  else turned.add(index)
  return { depth: f.depth, turned }
}

// The text of a call to search in, made when first needed: traces are large and most are never searched.
const texts = new WeakMap<TraceCall, string>()

function textOf(c: TraceCall): string {
  let text = texts.get(c)
  if (text === undefined) {
    const parts = [c.caller, c.callee, c.operation, c.spanId, c.resultCode, c.serverResultCode, c.callerAddress, c.calleeAddress, c.statusMessage]
    for (const h of [c.client, c.server]) {
      if (!h) continue
      parts.push(h.sofaSpanId ?? '', h.instance ?? '', h.component ?? '')
      for (const [k, v] of Object.entries(h.attributes ?? {})) parts.push(`${k}=${typeof v === 'string' ? v : JSON.stringify(v)}`)
      for (const e of h.events ?? []) parts.push(e.name, JSON.stringify(e.attributes ?? {}))
    }
    text = parts.join('\n').toLowerCase()
    texts.set(c, text)
  }
  return text
}

/** The rows that hold every word of the query. */
export function findRows(model: TraceModel, query: string): number[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  if (!words.length) return []
  const out: number[] = []
  for (const r of model.rows) {
    const text = textOf(r.call)
    if (words.every((w) => text.includes(w))) out.push(r.index)
  }
  return out
}

/**
 * The gaps of a call: how long it was under way to the server and back; for messages, the time from
 * the start of sending to the start of consuming (a consumer may begin before the producer has its acknowledgement).
 */
export interface Gaps {
  request: number
  response: number
  queue: number | null
}

export function gapsOf(r: Row): Gaps | null {
  if (!r.client || !r.server) return null
  if (r.call.type === 'mq') return { request: 0, response: 0, queue: r.server.start - r.client.start }
  return { request: r.server.start - r.client.start, response: r.client.end - r.server.end, queue: null }
}

/** True for calls of which no server half can come. */
export const isTwinless = (c: TraceCall): boolean => c.type === 'db' || c.type === 'cache' || c.type === 'internal' || c.sides === 'internal'
