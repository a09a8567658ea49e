import { useEffect, useMemo, useState } from 'preact/hooks'
import { tenant, token } from '../access'
import { api, ApiError } from '../api/client'
import type { Trace } from '../api/types'
import { useQuery } from '../api/use-query'
import { formatCount } from '../format/number'
import { dayClock, msOf } from '../format/time'
import { useText } from '../i18n'
import { update } from '../route'
import { CopyButton } from '../ui/copy'
import { Dur } from '../ui/dur'
import { Icon } from '../ui/icon'
import { AppName, LoadTestBadge } from '../ui/labels'
import { Problem } from '../ui/problem'
import { Segmented } from '../ui/segmented'
import { Detail } from './detail'
import { TraceGraph } from './graph'
import { buildModel } from './model'
import { readTrace } from './state'
import { Waterfall } from './waterfall'

// Late halves come within a minute or two; a trace that was older than that when it was fetched stays as it is.
const settled = (trace: Trace, at: number) => at - msOf(trace.startUnixNano) - trace.durationNano / 1e6 > 120_000

export function TracePage({ id, params }: { id: string; params: URLSearchParams }) {
  const t = useText()
  const [tick, setTick] = useState(0)
  const retry = () => setTick((n) => n + 1)
  const loaded = useQuery(`trace ${id}`, (s) => api.trace(id, s), { tick, final: settled })
  const { data, error, busy } = loaded
  const model = useMemo(() => (data && data.calls.length ? buildModel(data) : null), [data])
  const state = useMemo(() => readTrace(params), [params])

  useEffect(() => {
    const root = model?.rows[0]?.call
    document.title = root ? `${root.callee} ${root.operation} · Twinspan` : `${t('trace.title')} · Twinspan`
  })

  const empty = data !== undefined && data.calls.length === 0
  if (empty || (error && !data)) {
    if (empty || (error instanceof ApiError && error.status === 404)) {
      return (
        <div class="notice">
          <h2>{t('trace.notFound')}</h2>
          <p><code>{id}</code></p>
          <p>{t('trace.notFoundHint')}</p>
          <div class="acts">
            <button type="button" class="btn" onClick={retry}>{t('trace.retry')}</button>
            <a class="btn" href="/">{t('trace.toSearch')}</a>
          </div>
        </div>
      )
    }
    return <Problem error={error as Error} onRetry={retry} />
  }
  if (!data || !model) return <div class="trace-page">{busy && <div class="progress" role="progressbar" aria-label={t('state.loading')} />}</div>

  const chosen = state.span ? (model.byKey.get(state.span) ?? null) : null
  return (
    <div class="trace-page">
      {busy && <div class="progress" role="progressbar" aria-label={t('state.loading')} />}
      <Header trace={data} view={state.view} onRefresh={retry} />
      {state.view === 'graph' ? <TraceGraph model={model} state={state} /> : <Waterfall model={model} state={state} />}
      {chosen && <Detail model={model} row={chosen} />}
    </div>
  )
}

/** A link sends no headers: where the server wants some, the text is asked for here and shown from memory. */
function showText(e: Event, id: string) {
  if (!tenant && !token.get()) return
  e.preventDefault()
  const tab = window.open('', '_blank') // now, because browsers let only a click open one
  api.traceText(id).then(
    (text) => {
      if (tab) tab.location.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
    },
    () => tab?.close(),
  )
}

function Header({ trace, view, onRefresh }: { trace: Trace; view: 'waterfall' | 'graph'; onRefresh(): void }) {
  const t = useText()
  const root = trace.calls[0]
  const start = msOf(trace.startUnixNano)
  const same = trace.traceId === trace.w3cTraceId
  return (
    <header class="trace-head">
      <div class="trace-title">
        <h1 class="cut" title={`${root.callee} ${root.operation}`}>
          <AppName name={root.callee || root.caller} /> <span class="trace-op">{root.operation}</span>
        </h1>
        {trace.loadTest && <LoadTestBadge />}
        <span class="grow" />
        <button type="button" class="btn plain icon" title={t('range.refresh')} aria-label={t('range.refresh')} onClick={onRefresh}>
          <Icon name="refresh" />
        </button>
        <a class="btn plain" href={`/api/v1/traces/${encodeURIComponent(trace.traceId || trace.w3cTraceId)}`} target="_blank" rel="noopener" onClick={(e) => showText(e, trace.traceId || trace.w3cTraceId)}>
          JSON
        </a>
        <Segmented
          label={t('trace.view')}
          value={view}
          options={[{ value: 'waterfall', text: t('trace.waterfall') }, { value: 'graph', text: t('trace.graph') }]}
          onChange={(v) => update({ view: v === 'graph' ? v : null })}
        />
      </div>
      <div class="trace-facts">
        <dl class="facts">
          <div><dt>{t('trace.duration')}</dt><dd><Dur ns={trace.durationNano} /></dd></div>
          <div><dt>{t('trace.calls')}</dt><dd class="num">{formatCount(trace.calls.length)}</dd></div>
          <div><dt>{t('trace.halves')}</dt><dd class="num">{formatCount(trace.halves)}</dd></div>
          <div><dt>{t('trace.apps')}</dt><dd class="num" title={trace.apps.join(', ')}>{trace.apps.length}</dd></div>
          <div><dt>{t('trace.errors')}</dt><dd class={`num${trace.errors ? ' bad' : ''}`}>{formatCount(trace.errors)}</dd></div>
          <div class="fact-start"><dt>{t('trace.start')}</dt><dd>{dayClock(start)}</dd></div>
        </dl>
        <dl class="ids">
          {!same && <Id name={t('trace.sofa')} value={trace.traceId} />}
          <Id name={same ? t('trace.id') : t('trace.w3c')} value={trace.w3cTraceId} />
        </dl>
      </div>
      {trace.truncated && <p class="inline-problem bad" role="status">{t('trace.truncated', { n: formatCount(trace.calls.length) })}</p>}
    </header>
  )
}

function Id({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="mono cut" title={value}>{value}</dd>
      <CopyButton text={value} what={name} />
    </div>
  )
}
