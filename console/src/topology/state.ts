import type { TopologyEdge } from '../api/types'
import { readRange, type TimeRange } from '../timerange'

export const sortKeys = ['caller', 'callee', 'type', 'calls', 'errors', 'share', 'p50', 'p90', 'p99', 'loadTest'] as const
export type SortKey = (typeof sortKeys)[number]

export interface TopologyState {
  range: TimeRange
  view: 'graph' | 'table'
  loadTest: '' | 'true' | 'false'
  /** Show only what is around this app. */
  app: string
  find: string
  /** Chosen node ("n:name") or edge ("e:caller>callee>type"). */
  part: string
  sort: SortKey
  descending: boolean
  live: boolean
}

export function readTopology(params: URLSearchParams, fallbackView: 'graph' | 'table'): TopologyState {
  const loadTest = params.get('loadTest')
  const view = params.get('view')
  const sort = params.get('sort') ?? ''
  const key = sort.replace(/^-/, '') as SortKey
  return {
    range: readRange(params),
    view: view === 'graph' || view === 'table' ? view : fallbackView,
    loadTest: loadTest === 'true' || loadTest === 'false' ? loadTest : '',
    app: params.get('app') ?? '',
    find: params.get('q') ?? '',
    part: params.get('part') ?? '',
    sort: sortKeys.includes(key) ? key : 'calls',
    live: params.get('live') === '1',
    descending: sortKeys.includes(key) ? sort.startsWith('-') : true,
  }
}

export const edgeKey = (e: TopologyEdge) => `e:${e.caller}>${e.callee}>${e.type}`
export const nodeKey = (name: string) => `n:${name}`

export function sortEdges(edges: TopologyEdge[], key: SortKey, descending: boolean): TopologyEdge[] {
  const value = (e: TopologyEdge): string | number => {
    switch (key) {
      case 'share': return e.calls ? e.errors / e.calls : 0
      case 'p50': return e.p50Nano
      case 'p90': return e.p90Nano
      case 'p99': return e.p99Nano
      case 'loadTest': return e.loadTestCalls
      default: return e[key]
    }
  }
  const sign = descending ? -1 : 1
  return [...edges].sort((a, b) => {
    const x = value(a)
    const y = value(b)
    return (x < y ? -1 : x > y ? 1 : 0) * sign || b.calls - a.calls
  })
}
