import { headers, refused, token } from '../access'
import type { App, AppSeries, CallPage, CallSample, OperationList, Pipeline, Series, TagList, TagValues, Topology, Trace } from './types'

/** A request that the server refused or that never reached it. `code` is the API's error code, or `unreachable`. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
    /** Where a TraceQL query is wrong: line and columns from 1, the end behind the last character. */
    readonly place?: { line: number; column: number; endColumn: number },
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

export type Query = Record<string, string | string[] | number | undefined>

/** Writes a query string; empty values are left out, lists are repeated. */
export function queryString(query: Query): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    for (const v of Array.isArray(value) ? value : [value]) {
      if (v !== undefined && v !== '') params.append(key, String(v))
    }
  }
  const text = params.toString()
  return text ? `?${text}` : ''
}

async function ask(path: string, query: Query, signal?: AbortSignal): Promise<Response> {
  let response: Response
  let shown = ''
  try {
    const who = await headers()
    shown = token.get()
    response = await fetch(`/api/v1${path}${queryString(query)}`, { signal, headers: { Accept: 'application/json', ...who } })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new ApiError('unreachable', 0, String((cause as Error).message ?? cause))
  }
  if (response.status === 401) refused(shown)
  if (!response.ok) {
    const body = await response.json().catch(() => null)
    const error = body?.error
    throw new ApiError(error?.code ?? `http_${response.status}`, response.status, error?.message ?? response.statusText, error?.line ? error : undefined)
  }
  return response
}

async function get<T>(path: string, query: Query, signal?: AbortSignal): Promise<T> {
  return (await (await ask(path, query, signal)).json()) as T
}

// Go writes an empty list as null where a slice was never made; the rest of the console wants lists.
const list = <T>(value: T[] | null | undefined): T[] => value ?? []

export const api = {
  apps: async (q: Query, signal?: AbortSignal): Promise<App[]> =>
    list((await get<{ apps: App[] | null }>('/apps', q, signal)).apps),

  operations: async (q: Query, signal?: AbortSignal): Promise<OperationList> => {
    const found = await get<OperationList>('/operations', q, signal)
    return { ...found, operations: list(found.operations) }
  },

  calls: async (q: Query, signal?: AbortSignal): Promise<CallPage> => {
    const page = await get<CallPage>('/calls', q, signal)
    return { ...page, calls: list(page.calls) }
  },

  /** Resolves where the query can be read, and rejects with the place where it can't. */
  checkTraceQL: (query: string, signal?: AbortSignal): Promise<{ query: string }> => get('/traceql', { query }, signal),

  tags: (q: Query, signal?: AbortSignal): Promise<TagList> => get<TagList>('/tags', q, signal),

  tagValues: (q: Query, signal?: AbortSignal): Promise<TagValues> => get<TagValues>('/tags/values', q, signal),

  scatter: ({ spans: _, ...q }: Query, signal?: AbortSignal): Promise<CallSample> => get<CallSample>('/calls/scatter', q, signal),

  appSeries: (q: Query, signal?: AbortSignal): Promise<AppSeries> => get<AppSeries>('/apps/series', q, signal),

  trace: async (id: string, signal?: AbortSignal): Promise<Trace> => {
    const trace = await get<Trace>(`/traces/${encodeURIComponent(id)}`, {}, signal)
    return { ...trace, calls: list(trace.calls), apps: list(trace.apps) }
  },

  /** The trace as the server writes it. */
  traceText: async (id: string): Promise<Blob> => (await ask(`/traces/${encodeURIComponent(id)}`, {})).blob(),

  topology: async (q: Query, signal?: AbortSignal): Promise<Topology> => {
    const t = await get<Topology>('/topology', q, signal)
    return { ...t, nodes: list(t.nodes), edges: list(t.edges) }
  },

  pipeline: (signal?: AbortSignal): Promise<Pipeline> => get<Pipeline>('/pipeline', {}, signal),

  series: async (q: Query, signal?: AbortSignal): Promise<Series> => {
    const s = await get<Series>('/series', q, signal)
    return { stepSeconds: s.stepSeconds || 60, points: list(s.points) }
  },
}
