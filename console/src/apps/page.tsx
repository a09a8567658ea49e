import { useEffect, useMemo, useState } from 'preact/hooks'
import { api } from '../api/client'
import type { App } from '../api/types'
import { useQuery } from '../api/use-query'
import { formatCount, formatRate, formatShare } from '../format/number'
import { useText, type Key } from '../i18n'
import { href, update } from '../route'
import { setRange } from '../search/page'
import { searchHref } from '../search/state'
import { apiRange, readRange, resolve, type TimeRange } from '../timerange'
import { Percentile } from '../ui/dur'
import { Icon } from '../ui/icon'
import { AppName, TypeLabel } from '../ui/labels'
import { Problem } from '../ui/problem'
import { narrow, useMedia } from '../ui/size'
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
  const seconds = useMemo(() => {
    const r = resolve(range, Date.now())
    return (r.to - r.from) / 1000
  }, [range, data])
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
  const most = shown.reduce((m, a) => Math.max(m, a.calls), 1)

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
                {columns.map((c) => (
                  <th key={c.key} scope="col" class={`${c.right ? 'r' : ''}${c.wide ? ' wide' : ''}`} aria-sort={sort === c.key ? (down ? 'descending' : 'ascending') : undefined}>
                    <button type="button" onClick={() => update({ sort: `${(sort === c.key ? !down : c.key !== 'name') ? '-' : ''}${c.key}` }, true)}>
                      {t(c.text)}
                      {sort === c.key && <span aria-hidden="true">{down ? ' ↓' : ' ↑'}</span>}
                    </button>
                  </th>
                ))}
                <th class="wide" />
              </tr>
            </thead>
            <tbody>
              {shown.map((a) => (
                <AppRows key={a.name} app={a} open={open === a.name} most={most} seconds={seconds} range={range} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  )
}

function AppRows({ app: a, open, most, seconds, range }: { app: App; open: boolean; most: number; seconds: number; range: TimeRange }) {
  const t = useText()
  const query = { app: a.name, ...apiRange(range) }
  const ops = useQuery(open ? `operations ${JSON.stringify(query)}` : null, (s) => api.operations(query, s))
  const isNarrow = useMedia(narrow)
  const series = useQuery(open && a.kind !== 'external' ? `series ${JSON.stringify(query)}` : null, (s) => api.series(query, s))
  const frame = new URLSearchParams()
  if (range.from !== '-1h') frame.set('from', range.from)
  if (range.to !== 'now') frame.set('to', range.to)
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
        <td class="r num" title={`${formatRate(a.calls, seconds)}/s · ${a.source === 'stats' ? t('apps.stats') : t('apps.calls')}`}>
          <span class="meter" style={{ width: `calc((100% - 24px) * ${a.calls / most})` }} />
          {formatCount(a.calls)}
        </td>
        <td class={`r num${a.errors ? ' bad' : ' quiet'}`}>{formatShare(a.errors, a.calls)}</td>
        <td class="r wide"><Percentile ns={a.p50Nano} aligned /></td>
        <td class="r"><Percentile ns={a.p99Nano} aligned /></td>
        <td class="r wide row-links">
          <a href={searchHref({ callee: a.name }, range)}>{t('apps.search')}</a>
          <a href={href('/topology', frame)}>{t('apps.topology')}</a>
        </td>
      </tr>
      {open && series.data && series.data.points.length > 0 && (
        <tr class="sub">
          <td class="sub-name" colSpan={isNarrow ? 4 : 6}>
            <Sparkline series={series.data} {...resolve(range, Date.now())} height={32} label={t('col.trend')} />
          </td>
        </tr>
      )}
      {open &&
        (ops.data ?? []).map((o) => (
          <tr key={`${o.type} ${o.name}`} class="sub">
            <td class="sub-name">
              <TypeLabel type={o.type} /> <a class="cut" href={searchHref({ callee: a.name, operation: o.name }, range)}>{o.name || '–'}</a>
            </td>
            <td class="r num">{formatCount(o.calls)}</td>
            <td class={`r num${o.errors ? ' bad' : ' quiet'}`}>{formatShare(o.errors, o.calls)}</td>
            <td class="r wide"><Percentile ns={o.p50Nano} aligned /></td>
            <td class="r"><Percentile ns={o.p99Nano} aligned /></td>
            <td class="wide" />
          </tr>
        ))}
    </>
  )
}
