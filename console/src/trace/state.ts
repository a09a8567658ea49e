import type { Folding } from './model'

/** What the URL says about a trace page besides the trace's id. */
export interface TraceState {
  view: 'waterfall' | 'graph'
  /** Key of the chosen call. */
  span: string
  find: string
  critical: boolean
  folding: Folding
  /** The part of time in view, nanoseconds from the start. */
  zoom: [number, number] | null
  by: 'app' | 'operation'
  /** Chosen node or edge of the graph. */
  part: string
}

export function readTrace(params: URLSearchParams): TraceState {
  const depth = params.get('depth')
  const zoom = /^(\d+)-(\d+)$/.exec(params.get('t') ?? '')
  return {
    view: params.get('view') === 'graph' ? 'graph' : 'waterfall',
    span: params.get('span') ?? '',
    find: params.get('q') ?? '',
    critical: params.get('critical') === '1',
    folding: {
      depth: depth !== null && /^\d+$/.test(depth) ? Number(depth) : null,
      turned: new Set((params.get('turn') ?? '').split(',').filter((s) => /^\d+$/.test(s)).map(Number)),
    },
    zoom: zoom && Number(zoom[1]) < Number(zoom[2]) ? [Number(zoom[1]), Number(zoom[2])] : null,
    by: params.get('by') === 'operation' ? 'operation' : 'app',
    part: params.get('part') ?? '',
  }
}

export const writeFolding = (f: Folding): Record<string, string | null> => ({
  depth: f.depth === null ? null : String(f.depth),
  turn: f.turned.size ? [...f.turned].sort((a, b) => a - b).join(',') : null,
})

export const writeZoom = (z: [number, number] | null): Record<string, string | null> => ({
  t: z ? `${Math.max(0, Math.round(z[0]))}-${Math.round(z[1])}` : null,
})
