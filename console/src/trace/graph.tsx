import { useMemo } from 'preact/hooks'
import { formatDuration } from '../format/duration'
import { formatCount } from '../format/number'
import { useText } from '../i18n'
import { GraphView } from '../graph/view'
import { update } from '../route'
import { Dur } from '../ui/dur'
import { Icon } from '../ui/icon'
import { AppName } from '../ui/labels'
import { Segmented } from '../ui/segmented'
import { aggregate, edgeId, lastedOf } from './aggregate'
import type { Row, TraceModel } from './model'
import type { TraceState } from './state'

// Beyond this a layered drawing is neither quick to make nor of use.
const mostNodes = 300
const listed = 200

/** The trace as a graph: who called whom, how often, how long. The chosen call is the waterfall's. */
export function TraceGraph({ model, state }: { model: TraceModel; state: TraceState }) {
  const t = useText()
  const wanted = useMemo(() => aggregate(model, state.by), [model, state.by])
  const tooMany = wanted.nodes.length > mostNodes
  const sums = useMemo(() => (tooMany ? aggregate(model, 'app') : wanted), [wanted, tooMany, model])

  const nodes = useMemo(
    () =>
      sums.nodes.map((n) => ({
        id: n.id,
        label: n.name === 'external' ? t('call.outside') : n.name,
        kind: n.kind,
        sub: n.operation || (n.rows.length ? times(n.rows.length, n.slowest) : ''),
        errorShare: n.rows.length ? n.errors / n.rows.length : 0,
      })),
    [sums, t],
  )
  const edges = useMemo(
    () =>
      sums.edges.map((e) => ({
        id: e.id,
        from: e.from,
        to: e.to,
        calls: e.rows.length,
        errorShare: e.errors / e.rows.length,
        label: times(e.rows.length, e.total),
      })),
    [sums],
  )
  const chosenRow = state.span ? model.byKey.get(state.span) : undefined
  const marked = useMemo(() => {
    if (!chosenRow) return undefined
    const from = chosenRow.parent >= 0 ? sums.nodeOf[chosenRow.parent] : chosenRow.call.caller || 'external'
    return new Set([edgeId(from, sums.nodeOf[chosenRow.index])])
  }, [chosenRow, sums])
  const edge = sums.edges.find((e) => e.id === state.part)
  const node = edge ? undefined : sums.nodes.find((n) => n.id === state.part)
  const rows = edge?.rows ?? node?.rows

  return (
    <section class="trace-graph">
      <div class="tools">
        <Segmented
          label={t('graph.by')}
          value={tooMany ? 'app' : state.by}
          options={[{ value: 'app', text: t('graph.byApp') }, { value: 'operation', text: t('graph.byOperation') }]}
          onChange={(by) => update({ by: by === 'app' ? null : by, part: null })}
        />
        {tooMany && <span class="quiet">{t('graph.tooMany', { n: formatCount(wanted.nodes.length) })}</span>}
        <span class="grow" />
        {!rows && <span class="quiet graph-hint">{t('graph.hint')}</span>}
      </div>
      <div class={`graph-split${rows ? ' with-side' : ''}`}>
        <GraphView nodes={nodes} edges={edges} chosen={state.part} marked={marked} onChoose={(part) => update({ part }, true)} />
        {rows && (
          <aside class="side" aria-label={edge ? t('graph.callsOf') : t('graph.callsOfNode')}>
            <button type="button" class="btn plain icon tight side-close" aria-label={t('detail.close')} onClick={() => update({ part: null }, true)}>
              <Icon name="close" />
            </button>
            <PartCalls model={model} rows={rows} title={edge ? [edge.from, edge.to] : [state.part]} errors={edge?.errors ?? node?.errors ?? 0} total={edge?.total ?? node?.total ?? 0} slowest={edge?.slowest ?? node?.slowest ?? 0} chosen={chosenRow} />
          </aside>
        )}
      </div>
    </section>
  )
}

const times = (n: number, ns: number) => (n === 1 ? formatDuration(ns) : `${formatCount(n)}× · ${formatDuration(ns)}`)

const nodeName = (id: string) => id.replace('\u001f', ' ')

function PartCalls(p: { model: TraceModel; rows: number[]; title: string[]; errors: number; total: number; slowest: number; chosen: Row | undefined }) {
  const t = useText()
  const sorted = useMemo(() => p.rows.map((i) => p.model.rows[i]).sort((a, b) => lastedOf(b) - lastedOf(a)), [p.rows, p.model])
  return (
    <>
      <h2>
        {p.title.map((id, i) => (
          <span key={id}>
            {i > 0 && <span class="arrow"> → </span>}
            <AppName name={nodeName(id)} />
          </span>
        ))}
      </h2>
      <dl class="facts">
        <div><dt>{t('trace.calls')}</dt><dd class="num">{formatCount(p.rows.length)}</dd></div>
        <div><dt>{t('trace.errors')}</dt><dd class={`num${p.errors ? ' bad' : ''}`}>{formatCount(p.errors)}</dd></div>
        <div><dt>{t('graph.total')}</dt><dd><Dur ns={p.total} /></dd></div>
        <div><dt>{t('graph.slowest')}</dt><dd><Dur ns={p.slowest} /></dd></div>
      </dl>
      <ul class="part-calls">
        {sorted.slice(0, listed).map((r) => (
          <li key={r.key}>
            <button type="button" class={`part-call${r === p.chosen ? ' chosen' : ''}${r.call.error ? ' bad' : ''}`} aria-pressed={r === p.chosen} onClick={() => update({ span: r.key }, true)}>
              <span class="cut">{r.call.operation}</span>
              <Dur ns={lastedOf(r)} aligned />
            </button>
          </li>
        ))}
      </ul>
      {sorted.length > listed && <p class="quiet">{t('graph.truncatedList', { n: listed })}</p>}
    </>
  )
}
