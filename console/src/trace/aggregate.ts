import type { NodeKind } from '../api/types'
import type { Row, TraceModel } from './model'

/** The calls of a trace summed up between apps, or between apps' operations. */
export interface CallNode {
  id: string
  name: string
  operation: string
  kind: NodeKind
  /** Calls into it. */
  rows: number[]
  errors: number
  total: number
  slowest: number
}

export interface CallEdge {
  id: string
  from: string
  to: string
  rows: number[]
  errors: number
  total: number
  slowest: number
}

const kindOf = (r: Row): NodeKind => (r.call.type === 'db' || r.call.type === 'cache' ? r.call.type : r.call.type === 'mq' && !r.call.server ? 'mq' : 'app')

const separator = '\u001f'

/** How long a call kept its callee: of a message that is the consumer's time, since its producer only hands it over. */
export const lastedOf = (r: Row): number => (r.call.type === 'mq' ? (r.call.serverDurationNano ?? r.call.durationNano) : r.call.durationNano)

export const edgeId = (from: string, to: string) => `${from}>${to}`

/**
 * A node is the callee of a call (with its operation, if asked for); a call's edge comes from the node of its parent, or
 * from its caller where it has none. Spans inside an app stand for no edge: what they call counts as their app's.
 */
export function aggregate(model: TraceModel, by: 'app' | 'operation'): { nodes: CallNode[]; edges: CallEdge[]; nodeOf: string[] } {
  const nodes = new Map<string, CallNode>()
  const edges = new Map<string, CallEdge>()
  const nodeOf: string[] = []

  const node = (name: string, operation: string, kind: NodeKind): CallNode => {
    const id = operation ? `${name}${separator}${operation}` : name
    let n = nodes.get(id)
    if (!n) nodes.set(id, (n = { id, name, operation, kind, rows: [], errors: 0, total: 0, slowest: 0 }))
    return n
  }
  const count = (s: { rows: number[]; errors: number; total: number; slowest: number }, r: Row) => {
    s.rows.push(r.index)
    if (r.call.error) s.errors++
    const lasted = lastedOf(r)
    s.total += lasted
    s.slowest = Math.max(s.slowest, lasted)
  }

  for (const r of model.rows) {
    const c = r.call
    const parent = r.parent >= 0 ? nodeOf[r.parent] : undefined
    if (c.type === 'internal' || c.sides === 'internal') {
      const app = c.callee || c.caller
      nodeOf.push(parent !== undefined && nodes.get(parent)?.name === app ? parent : node(app, by === 'operation' ? c.operation : '', 'app').id)
      continue
    }
    const to = node(c.callee || 'external', by === 'operation' ? c.operation : '', c.callee ? kindOf(r) : 'external')
    nodeOf.push(to.id)
    count(to, r)
    let from = parent
    if (c.type === 'mq' && c.caller && from !== undefined && nodes.get(from)?.name !== c.caller) {
      // A further delivery of a message hangs below the first one, but it comes from the producer as that does.
      const above = model.rows[r.parent].parent
      from = above >= 0 && nodes.get(nodeOf[above])?.name === c.caller ? nodeOf[above] : node(c.caller, '', 'app').id
    }
    if (from === undefined) from = c.caller ? node(c.caller, '', 'app').id : node('external', '', 'external').id
    const id = edgeId(from, to.id)
    let e = edges.get(id)
    if (!e) edges.set(id, (e = { id, from, to: to.id, rows: [], errors: 0, total: 0, slowest: 0 }))
    count(e, r)
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()], nodeOf }
}
