import type { Call, CallPage } from '../api/types'
import type { Query } from '../api/client'
import { goDuration } from '../format/duration'

/**
 * Points for the scatter. Lists come newest first, so on a busy system the first page covers only the last seconds;
 * the picture needs points over the whole range. If one page doesn't hold all, a few calls of each of many slices of
 * the range are fetched, then failed ones and the slowest, spread likewise: those are what a person looks for.
 */
export interface Sample {
  calls: Call[]
  /** All calls that match are here. */
  complete: boolean
}

export const slicesOf = (from: number, to: number, n: number): { from: number; to: number }[] => {
  const step = (to - from) / n
  return Array.from({ length: n }, (_, i) => ({ from: Math.floor(from + i * step), to: Math.floor(from + (i + 1) * step) }))
}

export const callKey = (c: Call) => `${c.traceId}/${c.spanId}/${c.startUnixNano}`

export function merge(pages: Call[][]): Call[] {
  const all = new Map<string, Call>()
  for (const page of pages) for (const c of page) all.set(callKey(c), c)
  return [...all.values()]
}

/** The duration that only `share` of the calls exceed. */
export function upperDuration(calls: Call[], share: number): number {
  const d = calls.map((c) => c.durationNano).sort((a, b) => a - b)
  return d[Math.min(d.length - 1, Math.floor(d.length * (1 - share)))] ?? 0
}

const firstPage = 500
const atOnce = 6

type LoadCalls = (q: Query, signal: AbortSignal) => Promise<CallPage>

interface Window {
  from: number
  to: number
}

/** Calls spread over the range: of each of `n` slices the newest `per`. */
async function spread(query: Query, range: Window, n: number, per: number, load: LoadCalls, signal: AbortSignal): Promise<Call[]> {
  const pages: Call[][] = []
  const cuts = slicesOf(range.from, range.to, n).filter((c) => c.to > c.from)
  const next = async (): Promise<void> => {
    for (let cut = cuts.pop(); cut; cut = cuts.pop()) {
      pages.push((await load({ ...query, from: cut.from, to: cut.to, limit: per }, signal)).calls)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
  return merge(pages)
}

/** All that match if they are few, else a spread of them. */
async function someOf(query: Query, range: Window, load: LoadCalls, signal: AbortSignal): Promise<Call[]> {
  const page = await load({ ...query, limit: 200 }, signal)
  return page.next ? spread(query, range, 20, 20, load, signal) : page.calls
}

export async function loadSample(query: Query, range: Window, load: LoadCalls, signal: AbortSignal): Promise<Sample> {
  const first = await load({ ...query, limit: firstPage }, signal)
  if (!first.next) return { calls: first.calls, complete: true }
  // That page itself is left out of the picture: it would make the newest seconds look busier than the rest.
  const even = await spread(query, range, 60, 15, load, signal)
  const pages = [even]
  if (!query.error) pages.push(await someOf({ ...query, error: 'true' }, range, load, signal))
  const slow = upperDuration(even, 0.01)
  if (slow > 0) pages.push(await someOf({ ...query, minDuration: goDuration(slow) }, range, load, signal))
  return { calls: merge(pages), complete: false }
}
