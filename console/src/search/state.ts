import { defaultRange, readRange, type TimeRange } from '../timerange.ts'

/** The filters that are one text each; their names are the API's and the URL's. */
export const filterKeys = [
  'app',
  'caller',
  'callee',
  'operation',
  'address',
  'type',
  'error',
  'minDuration',
  'maxDuration',
  'resultCode',
  'loadTest',
] as const
export type FilterKey = (typeof filterKeys)[number]

/** What is asked about the calls around: these have no filters in the API and are asked for by TraceQL. */
export const structureKeys = ['through', 'ancestorError', 'rootApp'] as const
export type StructureKey = (typeof structureKeys)[number]

export interface SearchState {
  range: TimeRange
  /** By filters, or by a query that was written. */
  mode: 'form' | 'traceql'
  query: string
  filters: Partial<Record<FilterKey, string>>
  structure: Partial<Record<StructureKey, string>>
  tags: string[]
  /** Calls from outside, which are the requests to the system, or all calls. */
  scope: Scope
  live: boolean
}

export type Scope = 'entry' | 'all'

/** Filters by result, not by place: with none but these, requests to the system are what is looked for. */
const placeless: readonly FilterKey[] = ['error', 'minDuration', 'maxDuration', 'loadTest']

/** What is looked at unless the URL says otherwise: who names an app or an operation means its calls. */
export function defaultScope(filters: SearchState['filters'], tags: string[]): Scope {
  return tags.length > 0 || (Object.keys(filters) as FilterKey[]).some((k) => !placeless.includes(k)) ? 'all' : 'entry'
}

function readScope(params: URLSearchParams, filters: SearchState['filters'], tags: string[]): Scope {
  const text = params.get('scope')
  // A caller that is named and one that is outside exclude each other.
  if (filters.caller) return 'all'
  return text === 'entry' || text === 'all' ? text : defaultScope(filters, tags)
}

export function readSearch(params: URLSearchParams): SearchState {
  const filters: SearchState['filters'] = {}
  for (const key of filterKeys) {
    const value = params.get(key)
    if (value) filters[key] = value
  }
  const tags = [...new Set(params.getAll('tag').filter(Boolean))]
  const structure: SearchState['structure'] = {}
  for (const key of structureKeys) {
    const value = params.get(key)
    if (value) structure[key] = value
  }
  const query = params.get('query') ?? ''
  const scope = readScope(params, filters, tags)
  return {
    range: readRange(params),
    mode: query || params.get('mode') === 'traceql' ? 'traceql' : 'form',
    query,
    filters,
    structure,
    tags,
    // Who asks about what lies around a call hardly means requests from outside.
    scope: params.get('scope') !== 'entry' && Object.keys(structure).length > 0 ? 'all' : scope,
    live: params.get('live') === '1',
  }
}

export const filterCount = (s: SearchState): number => Object.keys(s.filters).length + s.tags.length + Object.keys(s.structure).length

/** Tidies a tag as typed: blanks around the key and "=" go. Null if there is no key. */
export function acceptTag(text: string): string | null {
  const i = text.indexOf('=')
  const key = (i < 0 ? text : text.slice(0, i)).trim()
  if (!key) return null
  return i < 0 ? key : `${key}=${text.slice(i + 1).trim()}`
}

/** A link to a search with these filters, in the given time range. */
export function searchHref(filters: Partial<Record<FilterKey, string>>, range?: TimeRange, tags: string[] = []): string {
  const params = new URLSearchParams()
  for (const key of filterKeys) {
    const value = filters[key]
    if (value) params.set(key, value)
  }
  for (const tag of tags) params.append('tag', tag)
  if (range && range.from !== defaultRange.from) params.set('from', range.from)
  if (range && range.to !== defaultRange.to) params.set('to', range.to)
  const text = params.toString()
  return text ? `/?${text}` : '/'
}
