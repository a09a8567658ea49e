import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { api, ApiError } from '../api/client'
import type { Call, CallPoint } from '../api/types'
import { useQuery } from '../api/use-query'
import { formatCount, formatShort } from '../format/number'
import { msOf } from '../format/time'
import { spanText, useText, type Key } from '../i18n'
import { navigate, update } from '../route'
import { apiRange, isRelative, presets, resolve, writeRange, type TimeRange } from '../timerange'
import { Icon } from '../ui/icon'
import { Problem } from '../ui/problem'
import { Segmented } from '../ui/segmented'
import { narrow, useMedia } from '../ui/size'
import { TimePicker, useLive, useRangeText } from '../ui/time-picker'
import { QueryEditor } from './editor'
import { Filters } from './filters'
import { toQuery } from './query'
import { callHref, callKey, Results } from './results'
import { Scatter, type Selection } from './scatter'
import { Searched } from './searched'
import { defaultScope, filterCount, filterKeys, readSearch, structureKeys, type FilterKey, type Scope, type SearchState, type StructureKey } from './state'
import { fromTraceQL, isStructural, toTraceQL } from './traceql'

const pageSize = 50
/** How many pages a search that finds nothing goes on for by itself: a minute at the server's pace. */
const pagesAlone = 20
const noCalls: Call[] = []
const noPoints: CallPoint[] = []

/** Writes a range into the URL, leaving the rest. */
export function setRange(range: TimeRange) {
  const params = new URLSearchParams()
  writeRange(params, range)
  update({ from: params.get('from'), to: params.get('to') })
}

export function SearchPage({ params }: { params: URLSearchParams }) {
  const t = useText()
  const state = useMemo(() => readSearch(params), [params])
  const [tick, setTick] = useState(0)
  const isNarrow = useMedia(narrow)
  const refresh = () => setTick((n) => n + 1)

  useEffect(() => {
    document.title = `${t('nav.search')} · Twinspan`
  })
  useLive(state.live && isRelative(state.range), refresh)

  const query = toQuery(state)
  const key = JSON.stringify(query)
  const first = useQuery(
    `calls ${key}`,
    (s) => api.calls({ ...query, limit: pageSize }, s),
    { tick },
  )
  const bounds = useRef({ key: '', tick: -1, from: 0, to: 1 })
  if (bounds.current.key !== key || bounds.current.tick !== tick) {
    bounds.current = { key, tick, ...resolve(state.range, Date.now()) }
  }
  const sample = useQuery(
    `sample ${key}`,
    async (s) => ({ ...(await api.scatter(query, s)), from: bounds.current.from, to: bounds.current.to }),
    { tick },
  )
  // The series knows app, operation and caller; with other filters it would tell about other calls than the page does.
  const f = state.filters
  const byQuery = state.mode === 'traceql' || isStructural(state)
  const seriesFits = !byQuery && !f.address && !f.type && !f.error && !f.minDuration && !f.maxDuration && !f.resultCode && !f.loadTest && state.tags.length === 0 && !f.app
  const seriesQuery = { app: f.callee, operation: f.operation, caller: query.caller, ...apiRange(state.range) }
  const series = useQuery(seriesFits ? `series ${JSON.stringify(seriesQuery)}` : null, (s) => api.series(seriesQuery, s), { tick })

  // Further pages belong to one first page; a new one drops them.
  const [more, setMore] = useState<{ of: unknown; calls: Call[]; next: string; reached: string; partial: string; busy: boolean; error?: Error } | null>(null)
  const pages = more && more.of === first.data ? more : null
  const next = pages ? pages.next : (first.data?.next ?? '')
  const reached = pages ? pages.reached : (first.data?.searchedFromUnixNano ?? '')
  const partial = pages ? pages.partial : first.data?.partial ? first.data.partialReason : ''
  const calls = useMemo(() => {
    if (!first.data) return noCalls
    if (!pages) return first.data.calls
    const seen = new Set(first.data.calls.map(callKey))
    return [...first.data.calls, ...pages.calls.filter((c) => !seen.has(callKey(c)))]
  }, [first.data, pages])
  const loadMore = async () => {
    const of = first.data
    const have = pages?.calls ?? []
    const so = { of, calls: have, next, reached, partial }
    setMore({ ...so, busy: true })
    try {
      const page = await api.calls({ ...query, limit: 200, cursor: next })
      const got = { of, calls: [...have, ...page.calls], next: page.next, reached: page.searchedFromUnixNano, partial: page.partial ? page.partialReason : '', busy: false }
      setMore((now) => (now?.of === of ? got : now))
    } catch (error) {
      setMore((now) => (now?.of === of ? { ...so, busy: false, error: error as Error } : now))
    }
  }
  // Where little matches, the server ends pages that are still empty: the search goes on by itself until there is something.
  const [alone, setAlone] = useState<{ of: unknown; pages: number }>({ of: null, pages: 0 })
  useEffect(() => {
    if (!first.data || first.stale || calls.length > 0 || !next || pages?.busy || pages?.error) return
    const count = alone.of === first.data ? alone.pages : 0
    if (count >= pagesAlone) return
    setAlone({ of: first.data, pages: count + 1 })
    void loadMore()
  }, [first.data, first.stale, calls.length, next, pages?.busy])

  const [unsaid, setUnsaid] = useState(false)
  const setMode = (mode: SearchState['mode']) => {
    setUnsaid(false)
    const none = Object.fromEntries([...filterKeys, ...structureKeys, 'tag', 'scope', 'query', 'mode'].map((k) => [k, null]))
    if (mode === 'traceql') {
      update({ ...none, mode: 'traceql', query: toTraceQL(state) })
      return
    }
    const form = fromTraceQL(state.query || '{ }')
    if (!form) {
      setUnsaid(true)
      return
    }
    const { entry, filters, structure, tags } = form
    const { caller, ...others } = filters
    update({ ...none, ...others, ...(entry ? { scope: 'entry' } : { caller: caller ?? null, scope: 'all' }), ...structure, tag: tags })
  }
  useEffect(() => setUnsaid(false), [state.query])
  const setScope = (scope: Scope) => {
    const { caller: _, ...filters } = state.filters
    update({ ...(scope === 'entry' ? { caller: null } : {}), scope: scope === defaultScope(scope === 'entry' ? filters : state.filters, state.tags) ? null : scope })
  }
  const onSelect = (s: Selection) => {
    if (state.mode === 'traceql') {
      const bounds = [s.minDuration && `duration >= ${s.minDuration}`, s.maxDuration && `duration <= ${s.maxDuration}`].filter(Boolean)
      update({ ...(s.range ? { from: s.range.from, to: s.range.to } : {}), ...(bounds.length ? { query: `${state.query || '{ }'} | { ${bounds.join(' && ')} }` } : {}) })
      return
    }
    update({
      ...(s.range ? { from: s.range.from, to: s.range.to } : {}),
      ...(s.minDuration ? { minDuration: s.minDuration } : {}),
      ...(s.maxDuration ? { maxDuration: s.maxDuration } : {}),
    })
  }
  const openCall = (c: CallPoint) => {
    const url = new URL(callHref(c), window.location.origin)
    navigate(url.pathname, url.searchParams)
    window.scrollTo(0, 0)
  }

  const points = sample.data?.points ?? noPoints
  const failed = useMemo(() => points.filter((c) => c.error).length, [points])
  const shown = { from: sample.data?.from ?? bounds.current.from, to: sample.data?.to ?? bounds.current.to }
  const n = filterCount(state)
  const busy = first.busy || sample.busy
  const empty = first.data && calls.length === 0 && !next

  const written = state.mode === 'traceql'
  return (
    <div class={`page search-page${written ? ' by-query' : ''}`}>
      {busy && <div class="progress" role="progressbar" aria-label={t('state.loading')} />}
      {written ? null : isNarrow ? (
        <details class="panel filters-fold" open={false}>
          <summary>
            <Icon name="filter" /> {t('filter.show')}
            {n > 0 && <span class="badge num">{n}</span>}
          </summary>
          <Filters state={state} />
        </details>
      ) : (
        <aside class="filters-rail" aria-label={t('filter.title')}>
          <Filters state={state} />
        </aside>
      )}
      <div class="search-main">
        <div class="page-head">
          <h1>{t('search.title')}</h1>
          <Segmented label={t('query.mode')} value={state.mode} options={[{ value: 'form', text: t('query.form') }, { value: 'traceql', text: 'TraceQL' }]} onChange={setMode} />
          {!written && <Segmented
            label={t('search.scope')}
            value={state.scope}
            options={[{ value: 'entry', text: t('search.entry') }, { value: 'all', text: t('search.allCalls') }]}
            onChange={setScope}
          />}
          <span class="grow" />
          <TimePicker
            range={state.range}
            onChange={setRange}
            onRefresh={refresh}
            live={state.live}
            onLive={(live) => update({ live: live ? '1' : null }, true)}
          />
        </div>
        {written && <QueryEditor value={state.query} range={state.range} error={first.error} onRun={(query) => (query === state.query ? refresh() : update({ mode: 'traceql', query }))} />}
        {unsaid && <p class="inline-problem" role="alert">{t('query.notAForm')}</p>}
        {first.error && !first.data && written && first.error instanceof ApiError && first.error.place ? null : first.error && !first.data ? (
          <div class="panel">
            <Problem error={first.error} onRetry={refresh} />
          </div>
        ) : empty ? (
          <div class="panel">
            <Empty state={state} />
          </div>
        ) : (
          <>
            <section class="panel scatter-panel" aria-label={t('search.scatter')}>
              <div class="panel-head">
                <h2>{t('search.scatter')}</h2>
                <span class="quiet">
                  {sample.data && (sample.data.complete
                    ? points.length === 1 ? t('search.one') : t('search.all', { n: formatCount(points.length) })
                    : sample.data.matched !== null
                      ? t('search.sampleOf', { n: formatCount(points.length), all: formatShort(sample.data.matched) })
                      : t(byQuery ? 'search.sampleQuery' : 'search.sample', { n: formatCount(points.length) }))}
                  {failed > 0 && <span class="bad"> · {t('search.errors', { n: formatCount(failed) })}</span>}
                </span>
                <span class="grow" />
                <span class="key">
                  <i class="dot" /> {t('search.ok')} <i class="dot err" /> {t('search.failed')} <i class="dot hollow" /> {t('search.loadTest')}
                </span>
              </div>
              <Scatter calls={sample.data?.points} series={series.data} strip={seriesFits} from={shown.from} to={shown.to} onSelect={onSelect} onOpen={openCall} />
            </section>
            {first.error && first.data && <p class="inline-problem bad" role="alert">{t('error.refresh', { message: first.error.message })}</p>}
            {sample.data?.partial && !partial && <p class="inline-problem" role="status">{t('search.partial', { reason: sample.data.partialReason })}</p>}
            {first.data && partial && (
              <Searched from={shown.from} to={shown.to} reached={reached ? msOf(reached) : 0} reason={partial} busy={!!pages?.busy} onContinue={next ? loadMore : undefined} />
            )}
            <section class="panel" aria-busy={first.stale}>
              {first.data ? <Results calls={calls} stale={first.stale} gaps={written || state.scope === 'all'} /> : <div class="results-wait" />}
              {first.data && (
                <div class="more">
                  {pages?.error && <span class="bad">{pages.error.message}</span>}
                  {next ? (
                    <button type="button" class="btn" disabled={pages?.busy} onClick={loadMore}>
                      {t('search.more')}
                    </button>
                  ) : (
                    <span class="quiet">{t('search.end')}</span>
                  )}
                </div>
              )}
            </section>
          </>
        )}
      </div>
    </div>
  )
}

const filterNames: Record<FilterKey, Key> = {
  app: 'filter.app', caller: 'filter.caller', callee: 'filter.callee', operation: 'filter.operation', address: 'filter.address',
  type: 'filter.type', error: 'filter.outcome', minDuration: 'filter.minLabel', maxDuration: 'filter.maxLabel',
  resultCode: 'filter.resultCode', loadTest: 'filter.loadTest',
}
const structureNames: Record<StructureKey, Key> = { through: 'filter.through', rootApp: 'filter.rootApp', ancestorError: 'filter.ancestorError' }

/** Nothing found: what was asked for, and the steps that most likely help, one click each. */
function Empty({ state }: { state: SearchState }) {
  const t = useText()
  const rangeText = useRangeText()
  const wider = isRelative(state.range) ? presets[presets.indexOf(state.range.from as (typeof presets)[number]) + 2] ?? presets[presets.length - 1] : '-1h'
  const all = state.scope === 'entry' && state.mode === 'form' && (
    <button type="button" class="btn" onClick={() => update({ scope: 'all' })}>
      {t('search.lookAtAll')}
    </button>
  )
  const widen = (
    <button type="button" class="btn" onClick={() => setRange({ from: wider, to: 'now' })}>
      {t('search.widen', { span: spanText(t, wider) })}
    </button>
  )
  if (filterCount(state) === 0 && state.mode === 'form') {
    return (
      <div class="notice">
        <h2>{t('search.noneAtAll')}</h2>
        <p>{t('search.noneAtAllHint')}</p>
        <div class="acts">{all}{widen}</div>
      </div>
    )
  }
  return (
    <div class="notice">
      <h2>{t('search.none')}</h2>
      <p>{t('search.noneHint', { range: rangeText(state.range) })}</p>
      <div class="acts">
        {all}
        {widen}
        {(Object.keys(state.filters) as FilterKey[]).map((k) => (
          <button key={k} type="button" class="btn" onClick={() => update({ [k]: null })}>
            {t('search.without', { filter: t(filterNames[k]) })}
          </button>
        ))}
        {(Object.keys(state.structure) as StructureKey[]).map((k) => (
          <button key={k} type="button" class="btn" onClick={() => update({ [k]: null })}>
            {t('search.without', { filter: t(structureNames[k]) })}
          </button>
        ))}
        {state.tags.map((tag) => (
          <button key={tag} type="button" class="btn" onClick={() => update({ tag: state.tags.filter((x) => x !== tag) })}>
            {t('search.without', { filter: tag })}
          </button>
        ))}
      </div>
    </div>
  )
}
