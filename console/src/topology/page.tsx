import { useEffect, useMemo, useState } from 'preact/hooks'
import { api } from '../api/client'
import type { Topology, TopologyEdge, TopologyNode } from '../api/types'
import { useQuery } from '../api/use-query'
import { formatDuration, goDuration } from '../format/duration'
import { formatCount, formatRate, formatShare, formatShort } from '../format/number'
import { useText, type Key } from '../i18n'
import { GraphView } from '../graph/view'
import { href, update } from '../route'
import { setRange } from '../search/page'
import { searchHref } from '../search/state'
import { apiRange, isRelative, resolve } from '../timerange'
import { Percentile } from '../ui/dur'
import { Icon } from '../ui/icon'
import { AppName, TypeLabel } from '../ui/labels'
import { Problem } from '../ui/problem'
import { Segmented } from '../ui/segmented'
import { narrow, useMedia } from '../ui/size'
import { Sparkline } from '../ui/sparkline'
import { TimePicker, useLive } from '../ui/time-picker'
import { edgeKey, nodeKey, readTopology, sortEdges, type SortKey, type TopologyState } from './state'

const outsideName = (name: string) => name === '' || name === 'external'

export function TopologyPage({ params }: { params: URLSearchParams }) {
  const t = useText()
  const isNarrow = useMedia(narrow)
  const state = useMemo(() => readTopology(params, isNarrow ? 'table' : 'graph'), [params, isNarrow])
  const [tick, setTick] = useState(0)
  const refresh = () => setTick((n) => n + 1)
  useEffect(() => {
    document.title = `${t('topo.title')} · Twinspan`
  })

  useLive(state.live && isRelative(state.range), refresh)

  const query = { ...apiRange(state.range), loadTest: state.loadTest, app: state.app }
  const loaded = useQuery(`topology ${JSON.stringify(query)}`, (s) => api.topology(query, s), { tick })
  const { data, error, busy, stale } = loaded
  const seconds = data?.dataSeconds ?? 0

  const found = useMemo(() => {
    const needle = state.find.trim().toLowerCase()
    if (!needle || !data) return null
    return new Set(data.nodes.filter((n) => n.name.toLowerCase().includes(needle)).map((n) => n.name))
  }, [data, state.find])

  const chosenNode = data?.nodes.find((n) => nodeKey(n.name) === state.part)
  const chosenEdge = data?.edges.find((e) => edgeKey(e) === state.part)
  const side = chosenNode || chosenEdge

  return (
    <div class="page topo-page">
      {busy && <div class="progress" role="progressbar" aria-label={t('state.loading')} />}
      <div class="page-head">
        <h1>{t('topo.title')}</h1>
        {data && (
          <span class="num quiet topo-count">
            {t('topo.nodes', { n: formatCount(data.nodes.length) })} · {t('topo.edges', { n: formatCount(data.edges.length) })}
          </span>
        )}
        {state.app && (
          <span class="tag">
            <span class="cut">{t('topo.focused', { name: state.app })}</span>
            <button type="button" class="btn plain icon tight" aria-label={t('topo.unfocus')} title={t('topo.unfocus')} onClick={() => update({ app: null })}><Icon name="close" /></button>
          </span>
        )}
        <span class="grow" />
        <TimePicker range={state.range} onChange={setRange} onRefresh={refresh} live={state.live} onLive={(live) => update({ live: live ? '1' : null }, true)} />
      </div>
      <div class="topo-tools">
        <div class="find">
          <Icon name="search" />
          <input class="input" type="search" spellcheck={false} placeholder={t('topo.find')} aria-label={t('topo.find')} value={state.find} onInput={(e) => update({ q: e.currentTarget.value }, true)}
            onKeyDown={(e) => {
              if (e.key === 'Enter' && found?.size) update({ part: nodeKey([...found][0]) }, true)
            }}
          />
          {found && found.size === 0 && <span class="bad find-count" role="status">{t('topo.noMatch')}</span>}
        </div>
        <Segmented
          label={t('filter.loadTest')}
          value={state.loadTest}
          options={[{ value: '', text: t('filter.all') }, { value: 'false', text: t('filter.real') }, { value: 'true', text: t('filter.loadTestOnly') }]}
          onChange={(v) => update({ loadTest: v || null })}
        />
        <span class="grow" />
        {state.view === 'graph' && <span class="key topo-legend">{t('topo.legendWidth')} · <span class="bad">{t('topo.legendColour')}</span></span>}
        <Segmented
          label={t('trace.view')}
          value={state.view}
          options={[{ value: 'graph', text: t('topo.graph') }, { value: 'table', text: t('topo.table') }]}
          onChange={(view) => update({ view: view === (isNarrow ? 'table' : 'graph') ? null : view })}
        />
      </div>
      {error && !data ? (
        <div class="panel"><Problem error={error} onRetry={refresh} /></div>
      ) : !data ? (
        <div class="panel topo-body" />
      ) : data.edges.length === 0 && data.nodes.length === 0 ? (
        <div class="panel">
          <div class="notice">
            <h2>{t('topo.none')}</h2>
            <p>{t('topo.noneHint')}</p>
          </div>
        </div>
      ) : (
        <div class={`panel topo-body${state.view === 'table' ? ' as-table' : ''}${side ? ' with-side' : ''}${stale ? ' stale' : ''}`}>
          {state.view === 'graph' ? <TopologyGraph data={data} state={state} seconds={seconds} found={found} /> : <EdgeTable data={data} state={state} seconds={seconds} found={found} />}
          {side && (
            <aside class="side">
              <button type="button" class="btn plain icon tight side-close" aria-label={t('detail.close')} onClick={() => update({ part: null }, true)}><Icon name="close" /></button>
              {chosenNode && <NodePanel node={chosenNode} data={data} state={state} seconds={seconds} />}
              {chosenEdge && <EdgePanel edge={chosenEdge} state={state} seconds={seconds} />}
            </aside>
          )}
        </div>
      )}
    </div>
  )
}

function TopologyGraph({ data, state, seconds, found }: { data: Topology; state: TopologyState; seconds: number; found: Set<string> | null }) {
  const t = useText()
  const nodes = useMemo(() => {
    const known = new Set(data.nodes.map((n) => n.name))
    const implied: TopologyNode[] = []
    for (const e of data.edges) {
      for (const name of [e.caller || 'external', e.callee || 'external']) {
        if (known.has(name)) continue
        known.add(name)
        // Stores and queues are named "system:name".
        const kind = outsideName(name) ? 'external' : name.includes(':') && e.type !== 'http' && e.type !== 'rpc' && e.type !== 'internal' ? e.type : 'app'
        implied.push({ name, kind, calls: 0, errors: 0, p50Nano: 0, p99Nano: 0 })
      }
    }
    // By name: the layout follows the order, and must not change because one app overtook another.
    return [...data.nodes, ...implied].sort((a, b) => (a.name < b.name ? -1 : 1)).map((n) => ({
      id: nodeKey(n.name),
      label: outsideName(n.name) ? t('call.outside') : n.name,
      kind: n.kind,
      sub: n.calls ? `${formatRate(n.calls, seconds)}/s` : '',
      sub2: n.calls && n.p99Nano ? `p99 ${formatDuration(n.p99Nano)}` : '',
      errorShare: n.calls ? n.errors / n.calls : 0,
    }))
  }, [data, seconds, t])
  const edges = useMemo(
    () =>
      data.edges.map((e) => ({
        id: edgeKey(e),
        from: nodeKey(e.caller || 'external'),
        to: nodeKey(e.callee || 'external'),
        calls: e.calls,
        errorShare: e.calls ? e.errors / e.calls : 0,
        label: `${formatRate(e.calls, seconds)}/s`,
        label2: e.errors ? formatShare(e.errors, e.calls) : '',
      })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    [data, seconds],
  )
  const foundKeys = useMemo(() => (found ? new Set([...found].map(nodeKey)) : null), [found])
  return <GraphView nodes={nodes} edges={edges} chosen={state.part} found={foundKeys} onChoose={(part) => update({ part }, true)} />
}

const columns: { key: SortKey; text: Key; right?: boolean; wide?: boolean }[] = [
  { key: 'caller', text: 'col.caller' },
  { key: 'callee', text: 'col.callee' },
  { key: 'type', text: 'col.type', wide: true },
  { key: 'calls', text: 'col.calls', right: true },
  { key: 'errors', text: 'col.errors', right: true, wide: true },
  { key: 'share', text: 'col.errorShare', right: true },
  { key: 'p50', text: 'col.p50', right: true, wide: true },
  { key: 'p90', text: 'col.p90', right: true, wide: true },
  { key: 'p99', text: 'col.p99', right: true },
  { key: 'loadTest', text: 'col.loadTestCalls', right: true, wide: true },
]

function EdgeTable({ data, state, seconds, found }: { data: Topology; state: TopologyState; seconds: number; found: Set<string> | null }) {
  const t = useText()
  const edges = useMemo(() => {
    const kept = found ? data.edges.filter((e) => found.has(e.caller || 'external') || found.has(e.callee)) : data.edges
    return sortEdges(kept, state.sort, state.descending)
  }, [data, found, state.sort, state.descending])
  const sortBy = (key: SortKey) => {
    const text = key === 'caller' || key === 'callee' || key === 'type'
    const down = state.sort === key ? !state.descending : !text
    update({ sort: key === 'calls' && down ? null : `${down ? '-' : ''}${key}` }, true)
  }
  const most = edges.reduce((m, e) => Math.max(m, e.calls), 1)
  const isNarrow = useMedia(narrow)
  return (
    <div class="table-scroll" tabIndex={0}>
      <table class="grid edges">
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.key} scope="col" class={`${c.right ? 'r' : ''}${c.wide ? ' wide' : ''}`} aria-sort={state.sort === c.key ? (state.descending ? 'descending' : 'ascending') : undefined}>
                <button type="button" onClick={() => sortBy(c.key)}>
                  {t(c.text)}
                  {state.sort === c.key && <span aria-hidden="true">{state.descending ? '\u00a0↓' : '\u00a0↑'}</span>}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {edges.map((e) => {
            const key = edgeKey(e)
            return (
              <tr key={key} class={state.part === key ? 'chosen' : undefined} onClick={() => update({ part: state.part === key ? null : key }, true)}>
                <td><AppName name={e.caller} /></td>
                <td>
                  <button type="button" class="cell-button" aria-pressed={state.part === key}><AppName name={e.callee} /></button>
                </td>
                <td class="wide"><TypeLabel type={e.type} /></td>
                <td class="r num" title={`${formatRate(e.calls, seconds)}/s`}>
                  <span class="meter" style={{ width: `calc((100% - 24px) * ${e.calls / most})` }} />
                  {isNarrow ? formatShort(e.calls) : formatCount(e.calls)}
                </td>
                <td class={`r num wide${e.errors ? ' bad' : ' quiet'}`}>{formatCount(e.errors)}</td>
                <td class={`r num${e.errors ? ' bad' : ' quiet'}`}>{formatShare(e.errors, e.calls)}</td>
                <td class="r wide"><Percentile ns={e.p50Nano} aligned /></td>
                <td class="r wide"><Percentile ns={e.p90Nano} aligned /></td>
                <td class="r"><Percentile ns={e.p99Nano} aligned /></td>
                <td class="r num wide quiet">{formatCount(e.loadTestCalls)}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

/** Numbers that a node and an edge have in common. */
function Numbers({ calls, errors, p50, p90, p99, seconds, loadTest }: { calls: number; errors: number; p50: number; p90?: number; p99: number; seconds: number; loadTest?: number }) {
  const t = useText()
  return (
    <dl class="numbers">
      <div><dt>{t('col.calls')}</dt><dd class="num">{formatCount(calls)}</dd></div>
      <div><dt>{t('col.rate')}</dt><dd class="num">{formatRate(calls, seconds)}</dd></div>
      <div><dt>{t('col.errors')}</dt><dd class={`num${errors ? ' bad' : ''}`}>{formatCount(errors)}</dd></div>
      <div><dt>{t('col.errorShare')}</dt><dd class={`num${errors ? ' bad' : ''}`}>{formatShare(errors, calls)}</dd></div>
      <div><dt>{t('col.p50')}</dt><dd><Percentile ns={p50} /></dd></div>
      {p90 !== undefined && <div><dt>{t('col.p90')}</dt><dd><Percentile ns={p90} /></dd></div>}
      <div><dt>{t('col.p99')}</dt><dd><Percentile ns={p99} /></dd></div>
      {loadTest !== undefined && <div><dt>{t('col.loadTestCalls')}</dt><dd class="num">{formatCount(loadTest)}</dd></div>}
    </dl>
  )
}

function EdgePanel({ edge: e, state, seconds }: { edge: TopologyEdge; state: TopologyState; seconds: number }) {
  const t = useText()
  const filters = { caller: e.caller, callee: e.callee, type: e.type, loadTest: state.loadTest }
  const slow = e.p99Nano > 0 ? goDuration(e.p99Nano) : ''
  return (
    <>
      <h2><AppName name={e.caller} /> <span class="arrow">→</span> <AppName name={e.callee} /></h2>
      <p class="quiet"><TypeLabel type={e.type} /></p>
      <Numbers calls={e.calls} errors={e.errors} p50={e.p50Nano} p90={e.p90Nano} p99={e.p99Nano} seconds={seconds} loadTest={e.loadTestCalls} />
      <div class="side-links">
        <a class="btn primary" href={searchHref(filters, state.range)}>{t('topo.searchCalls')}</a>
        {e.errors > 0 && <a class="btn" href={searchHref({ ...filters, error: 'true' }, state.range)}>{t('topo.searchErrors')}</a>}
        {slow && <a class="btn" href={searchHref({ ...filters, minDuration: slow }, state.range)}>{t('topo.searchSlow')}</a>}
      </div>
    </>
  )
}

function NodePanel({ node: n, data, state, seconds }: { node: TopologyNode; data: Topology; state: TopologyState; seconds: number }) {
  const t = useText()
  const same = (a: string) => a === n.name || (outsideName(a) && outsideName(n.name))
  const into = data.edges.filter((e) => same(e.callee)).sort((a, b) => b.calls - a.calls)
  const out = data.edges.filter((e) => same(e.caller)).sort((a, b) => b.calls - a.calls)
  const range = apiRange(state.range)
  const series = useQuery(n.kind === 'external' ? null : `series ${n.name} ${range.from} ${range.to}`, (s) => api.series({ app: n.name, ...range }, s))
  const filters = { callee: outsideName(n.name) ? '' : n.name, caller: outsideName(n.name) ? 'external' : '', loadTest: state.loadTest }
  const list = (title: string, edges: TopologyEdge[], other: (e: TopologyEdge) => string) =>
    edges.length > 0 && (
      <>
        <h3>{title}</h3>
        <ul class="part-calls">
          {edges.map((e) => (
            <li key={edgeKey(e)}>
              <button type="button" class="part-call" onClick={() => update({ part: edgeKey(e) }, true)}>
                <span class="cut"><AppName name={other(e)} /></span>
                {e.errors > 0 && <span class="bad num">{formatShare(e.errors, e.calls)}</span>}
                <span class="num">{formatRate(e.calls, seconds)}/s</span>
              </button>
            </li>
          ))}
        </ul>
      </>
    )
  return (
    <>
      <h2><AppName name={n.name} /></h2>
      <p class="quiet type">{t(`kind.${n.kind}`)}</p>
      {n.calls > 0 && <Numbers calls={n.calls} errors={n.errors} p50={n.p50Nano} p99={n.p99Nano} seconds={seconds} />}
      {series.data && series.data.points.length > 0 && <Sparkline series={series.data} {...resolve(state.range, Date.now())} height={40} label={t('col.trend')} />}
      <div class="side-links">
        <a class="btn primary" href={searchHref(filters, state.range)}>{t('topo.searchCalls')}</a>
        {n.errors > 0 && <a class="btn" href={searchHref({ ...filters, error: 'true' }, state.range)}>{t('topo.searchErrors')}</a>}
        {n.kind !== 'external' && state.app !== n.name && (
          <a class="btn" href={href('/topology', new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(window.location.search)), app: n.name }))}>
            {t('topo.focus', { name: n.name })}
          </a>
        )}
      </div>
      {list(t('topo.in'), into, (e) => e.caller)}
      {list(t('topo.out'), out, (e) => e.callee)}
    </>
  )
}
