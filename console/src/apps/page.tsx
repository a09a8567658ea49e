import { useEffect, useMemo, useState } from 'preact/hooks'
import { api } from '../api/client'
import type { App, AppSeries, Series } from '../api/types'
import { useQuery } from '../api/use-query'
import { msOf } from '../format/time'
import { formatCount, formatRate, formatShare } from '../format/number'
import { useText, type Key } from '../i18n'
import { href, update } from '../route'
import { setRange } from '../search/page'
import { searchHref } from '../search/state'
import { apiRange, readRange, resolve, writeRange, type TimeRange } from '../timerange'
import { Percentile } from '../ui/dur'
import { Icon } from '../ui/icon'
import { AppName, TypeLabel } from '../ui/labels'
import { Problem } from '../ui/problem'
import { Sparkline } from '../ui/sparkline'
import { TimePicker } from '../ui/time-picker'

const sorts = ['name', 'calls', 'errors', 'p50', 'p99'] as const
type Sort = (typeof sorts)[number]

const columns: { key: Sort; text: Key; right?: boolean; wide?: boolean }[] = [
  { key: 'name', text: 'col.app' },
  { key: 'calls', text: 'col.calls', right: true },
  { key: 'errors', text: 'col.errorShare', right: true },
  { key: 'p50', text: 'col.p50', right: true, wide: true },
  { key: 'p99', text: 'col.p99', right: true },
]

/** The steps of each app as the series that sparklines draw. */
function byApp(s: AppSeries | undefined): Map<string, Series> {
  const start = s ? msOf(s.startUnixNano) : 0
  return new Map(
    (s?.apps ?? []).map((a) => [
      a.name,
      {
        stepSeconds: (s as AppSeries).stepSeconds,
        points: a.calls.map((calls, i) => ({ timeUnixNano: `${start + i * (s as AppSeries).stepSeconds * 1000}000000`, calls, errors: a.errors[i], p50Nano: 0, p99Nano: 0 })),
      },
    ]),
  )
}

/** Apps, stores and queues with their numbers; one opened shows its operations. */
export function AppsPage({ params }: { params: URLSearchParams }) {
  const t = useText()
  const range = useMemo(() => readRange(params), [params])
  const open = params.get('app') ?? ''
  const find = params.get('q') ?? ''
  const sortText = params.get('sort') ?? '-calls'
  const sort = (sorts.find((s) => s === sortText.replace('-', '')) ?? 'calls') as Sort
  const down = sortText.startsWith('-')
  const [tick, setTick] = useState(0)
  const refresh = () => setTick((n) => n + 1)
  useEffect(() => {
    document.title = `${t('apps.title')} · Twinspan`
  })
  const query = apiRange(range)
  const { data, error, busy, stale } = useQuery(`apps ${query.from} ${query.to}`, (s) => api.apps(query, s), { tick })
  const trends = useQuery(`apps/series ${query.from} ${query.to}`, (s) => api.appSeries(query, s), { tick })
  const bounds = useMemo(() => resolve(range, Date.now()), [range, trends.data])
  const seconds = trends.data?.dataSeconds ?? 0
  const seriesOf = useMemo(() => byApp(trends.data), [trends.data])
  const shown = useMemo(() => {
    const needle = find.trim().toLowerCase()
    const value = (a: App) => (sort === 'name' ? a.name : sort === 'errors' ? (a.calls ? a.errors / a.calls : 0) : sort === 'calls' ? a.calls : sort === 'p50' ? a.p50Nano : a.p99Nano)
    return (data ?? [])
      .filter((a) => a.name.toLowerCase().includes(needle))
      .sort((a, b) => {
        const x = value(a)
        const y = value(b)
        return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1)
      })
  }, [data, find, sort, down])

  return (
    <div class="page apps-page">
      {busy && <div class="progress" role="progressbar" aria-label={t('state.loading')} />}
      <div class="page-head">
        <h1>{t('apps.title')}</h1>
        <div class="find">
          <Icon name="search" />
          <input class="input" type="search" spellcheck={false} placeholder={t('apps.find')} aria-label={t('apps.find')} value={find} onInput={(e) => update({ q: e.currentTarget.value }, true)} />
        </div>
        <span class="grow" />
        <TimePicker range={range} onChange={setRange} onRefresh={refresh} />
      </div>
      {error && !data ? (
        <div class="panel"><Problem error={error} onRetry={refresh} /></div>
      ) : data && data.length === 0 ? (
        <div class="panel">
          <div class="notice">
            <h2>{t('apps.none')}</h2>
            <p>{t('search.noneAtAllHint')}</p>
          </div>
        </div>
      ) : (
        <div class={`panel apps${stale ? ' stale' : ''}`}>
          <table class="grid">
            <thead>
              <tr>
                {columns.map((c) => [
                  c.key === 'calls' && <th key="trend" scope="col" class="trend wide">{t('col.trend')}</th>,
                  <th key={c.key} scope="col" class={`${c.right ? 'r' : ''}${c.wide ? ' wide' : ''}`} aria-sort={sort === c.key ? (down ? 'descending' : 'ascending') : undefined}>
                    <button type="button" onClick={() => update({ sort: `${(sort === c.key ? !down : c.key !== 'name') ? '-' : ''}${c.key}` }, true)}>
                      {t(c.text)}
                      {sort === c.key && <span aria-hidden="true">{down ? '\u00a0↓' : '\u00a0↑'}</span>}
                    </button>
                  </th>,
                  c.key === 'calls' && <th key="rate" scope="col" class="r wide">{t('col.rate')}</th>,
                ])}
                <th class="wide" />
              </tr>
            </thead>
            <tbody>
              {shown.map((a) => (
                <AppRows key={a.name} app={a} open={open === a.name} seconds={seconds} range={range} series={seriesOf.get(a.name)} bounds={bounds} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  )
}

/** How many operations of an application are shown before one asks for all of them. */
const someOperations = 100

function AppRows({ app: a, open, seconds, range, series, bounds }: { app: App; open: boolean; seconds: number; range: TimeRange; series: Series | undefined; bounds: { from: number; to: number } }) {
  const t = useText()
  const query = { app: a.name, ...apiRange(range) }
  const ops = useQuery(open ? `operations ${JSON.stringify(query)}` : null, (s) => api.operations(query, s))
  const [all, setAll] = useState(false)
  const operations = ops.data?.operations ?? []
  const hidden = all ? 0 : Math.max(0, operations.length - someOperations)
  const frame = new URLSearchParams()
  writeRange(frame, range)
  frame.set('app', a.name)
  return (
    <>
      <tr class={open ? 'chosen' : undefined}>
        <td>
          <button type="button" class="cell-button app-open" aria-expanded={open} onClick={() => update({ app: open ? null : a.name })}>
            <Icon name={open ? 'down' : 'right'} />
            <b><AppName name={a.name} /></b>
            {a.kind !== 'app' && <span class="type">{t(`kind.${a.kind}`)}</span>}
          </button>
        </td>
        <td class="trend wide">{series && <Sparkline series={series} {...bounds} height={18} label={t('col.trend')} />}</td>
        <td class="r num" title={a.source === 'stats' ? t('apps.stats') : t('apps.calls')}>{formatCount(a.calls)}</td>
        <td class="r num wide">{seconds > 0 ? formatRate(a.calls, seconds) : ''}</td>
        <td class={`r num${a.errors ? ' bad' : ' quiet'}`}>{formatShare(a.errors, a.calls)}</td>
        <td class="r wide"><Percentile ns={a.p50Nano} aligned /></td>
        <td class="r"><Percentile ns={a.p99Nano} aligned /></td>
        <td class="r wide row-links">
          <a href={searchHref({ callee: a.name }, range)}>{t('apps.search')}</a>
          <a href={href('/topology', frame)}>{t('apps.topology')}</a>
        </td>
      </tr>
      {open &&
        operations.slice(0, operations.length - hidden).map((o) => (
          <tr key={`${o.type} ${o.name}`} class="sub">
            <td class="sub-name">
              <TypeLabel type={o.type} /> <a class="cut" href={searchHref({ callee: a.name, operation: o.name }, range)}>{o.name || '–'}</a>
            </td>
            <td class="wide" />
            <td class="r num">{formatCount(o.calls)}</td>
            <td class="r num wide">{seconds > 0 ? formatRate(o.calls, seconds) : ''}</td>
            <td class={`r num${o.errors ? ' bad' : ' quiet'}`}>{formatShare(o.errors, o.calls)}</td>
            <td class="r wide"><Percentile ns={o.p50Nano} aligned /></td>
            <td class="r"><Percentile ns={o.p99Nano} aligned /></td>
            <td class="wide" />
          </tr>
        ))}
      {open && (hidden > 0 || ops.data?.partial || ops.error) && (
        <tr class="sub">
          <td class="sub-name" colSpan={4}>
            {hidden > 0 && <button type="button" class="btn tight" onClick={() => setAll(true)}>{t('apps.moreOperations', { n: formatCount(hidden) })}</button>}{' '}
            {ops.error ? <span class="bad">{ops.error.message}</span> : ops.data?.partial && <span class="quiet">{t('apps.partial', { n: formatCount(operations.length) })}</span>}
          </td>
          <td class="wide" colSpan={4} />
        </tr>
      )}
    </>
  )
}
