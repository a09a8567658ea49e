import { expect, it } from 'vitest'
import type { TopologyEdge } from '../api/types'
import { edgeKey, readTopology, sortEdges } from './state'

const edge = (caller: string, callee: string, calls: number, errors: number, p99Nano: number) =>
  ({ caller, callee, type: 'rpc', calls, errors, p50Nano: 1, p90Nano: 2, p99Nano, loadTestCalls: 0 }) as TopologyEdge

it('reads its state from the URL and forgives nonsense', () => {
  expect(readTopology(new URLSearchParams(''), 'graph')).toMatchObject({ view: 'graph', sort: 'calls', descending: true, loadTest: '' })
  expect(readTopology(new URLSearchParams('view=table&sort=-p99&loadTest=true&app=x'), 'graph')).toMatchObject({ view: 'table', sort: 'p99', descending: true, loadTest: 'true', app: 'x' })
  expect(readTopology(new URLSearchParams('view=x&sort=y&loadTest=z'), 'table')).toMatchObject({ view: 'table', sort: 'calls', loadTest: '' })
})

it('sorts edges by any column, ties by calls', () => {
  const edges = [edge('a', 'b', 10, 5, 7), edge('b', 'c', 100, 5, 9), edge('c', 'd', 50, 0, 9)]
  const names = (key: Parameters<typeof sortEdges>[1], down: boolean) => sortEdges(edges, key, down).map((e) => e.caller).join('')
  expect(names('calls', true)).toBe('bca')
  expect(names('share', true)).toBe('abc')
  expect(names('errors', true)).toBe('bac')
  expect(names('p99', true)).toBe('bca')
  expect(names('callee', false)).toBe('abc')
  expect(new Set(edges.map(edgeKey)).size).toBe(3)
})
