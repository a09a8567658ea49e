import type { Query } from '../api/client'
import { apiRange } from '../timerange.ts'
import { structureKeys, type SearchState } from './state.ts'
import { toTraceQL } from './traceql.ts'

/** How many spans of a trace a list shows at most. */
const spansOfTrace = 5

/** The state as a query to /calls and its like. */
export function toQuery(s: SearchState): Query {
  const structural = structureKeys.some((k) => s.structure[k])
  if (s.mode === 'traceql' || structural) {
    return { query: s.mode === 'traceql' ? s.query || '{ }' : toTraceQL(s), spans: spansOfTrace, ...apiRange(s.range) }
  }
  return { ...(s.scope === 'entry' ? { caller: 'external' } : {}), ...s.filters, tag: s.tags, ...apiRange(s.range) }
}
