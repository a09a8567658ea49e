import type { Call, CallPoint } from '../api/types'
import { formatDuration } from '../format/duration'
import { clock, day, dayClock, msOf } from '../format/time'
import { useText } from '../i18n'
import { Dur } from '../ui/dur'
import { AppName, LoadTestBadge, TypeLabel } from '../ui/labels'

/** Where the call opens: its trace, with the call chosen. */
export const callHref = (c: Call | CallPoint) => `/trace/${encodeURIComponent(c.traceId)}?span=${c.spanId}`

export const callKey = (c: Call) => `${c.traceId}/${c.spanId}/${c.startUnixNano}`

/** The result code as the two sides told it; where they differ, both. */
export function codeText(c: Call): string {
  if (c.sides === 'both' && c.serverResultCode && c.resultCode && c.serverResultCode !== c.resultCode) return `${c.resultCode} | ${c.serverResultCode}`
  return c.resultCode || c.serverResultCode
}

/**
 * A call's bar at a list's scale: the client side, the server side centred in it (lists don't say where within the call
 * the server began), so that the gap shows at both ends. A side that was not received is dotted.
 */
export function TwinBar({ call, scale }: { call: Call; scale: number }) {
  const part = (ns: number) => Math.min(100, (ns / scale) * 100)
  const server = call.serverDurationNano
  const inner = server !== null && call.sides === 'both' && call.type !== 'mq' ? Math.min(100, (server / Math.max(call.durationNano, 1)) * 100) : null
  const twinless = call.type === 'db' || call.type === 'cache' || call.sides === 'internal'
  // Who calls from outside reports no client side: nothing is missing then.
  const kind = call.sides === 'server' ? (call.caller ? ' only-server' : ' from-outside') : call.sides === 'client' && !twinless ? ' only-client' : twinless ? ' leaf' : ''
  return (
    <span class={`twin${kind}${call.error ? ' err' : ''}`} style={{ width: `max(3px, ${part(call.durationNano)}%)` }}>
      {inner !== null && <span class="inner" style={{ left: `${(100 - inner) / 2}%`, width: `${inner}%` }} />}
      {call.sides === 'server' && <span class="inner" style={{ left: '0', width: '100%' }} />}
      {call.sides === 'client' && !twinless && <span class="inner missing" />}
    </span>
  )
}

/** `gaps` keeps a column for what lies between the two sides. */
export function Results({ calls, stale, gaps }: { calls: Call[]; stale: boolean; gaps: boolean }) {
  const t = useText()
  const scale = calls.reduce((m, c) => Math.max(m, c.durationNano), 1)
  const today = day(Date.now())
  return (
    <div class={`results${stale ? ' stale' : ''}${gaps ? '' : ' no-gaps'}`} role="table" aria-label={t('search.title')} aria-rowcount={calls.length + 1}>
      <div class="result head" role="row">
        <span role="columnheader" class="r-time">{t('col.time')}</span>
        <span role="columnheader" class="r-route">{t('col.route')}</span>
        <span role="columnheader" class="r-op">{t('col.operation')}</span>
        <span role="columnheader" class="r-bar" aria-hidden="true" />
        <span role="columnheader" class="r-dur">{t('col.duration')}</span>
        {gaps && <span role="columnheader" class="r-gap" title={t('col.gapHint')}>{t('col.gap')}</span>}
        <span role="columnheader" class="r-code">{t('col.code')}</span>
      </div>
      {calls.map((c) => {
        const ms = msOf(c.startUnixNano)
        return (
          <div class={`result${c.error ? ' failed' : ''}`} role="row" key={callKey(c)}>
            <span role="cell" class="r-time num" title={dayClock(ms)}>
              {day(ms) !== today && <span class="quiet">{day(ms).slice(5)} </span>}
              {clock(ms)}
            </span>
            <span role="cell" class="r-route cut" title={`${c.callerAddress || '–'} → ${c.calleeAddress || '–'}`}>
              {c.sides !== 'internal' && <><AppName name={c.caller} /> <span class="arrow">→</span> </>}
              <b><AppName name={c.callee || c.caller} /></b>
            </span>
            <span role="cell" class="r-op">
              <TypeLabel type={c.type} />
              <a class="cut" href={callHref(c)} title={c.operation}>{c.operation || '–'}</a>
              {c.loadTest && <LoadTestBadge />}
            </span>
            <span role="cell" class="r-bar" aria-hidden="true"><TwinBar call={c} scale={scale} /></span>
            <span role="cell" class="r-dur"><Dur ns={c.durationNano} aligned /></span>
            {gaps && (
              <span role="cell" class="r-gap" title={c.gapNano !== null ? `${t('col.gap')} ${formatDuration(c.gapNano)}` : undefined}>
                {c.gapNano !== null && <Dur ns={c.gapNano} aligned />}
              </span>
            )}
            <span role="cell" class={`r-code num cut${c.error ? ' bad' : ''}`} title={c.statusMessage || codeText(c)}>
              {codeText(c) || (c.error ? t('call.failed') : '')}
            </span>
          </div>
        )
      })}
    </div>
  )
}
