import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Attributes, Half } from '../api/types'
import { formatDuration } from '../format/duration'
import { formatShare } from '../format/number'
import { dayClock, msOf, nanosSince } from '../format/time'
import { useText, type Key } from '../i18n'
import { rememberedNumber } from '../prefs'
import { update } from '../route'
import { codeText } from '../search/results'
import { searchHref } from '../search/state'
import { absolute } from '../timerange'
import { CopyButton } from '../ui/copy'
import { Icon } from '../ui/icon'
import { AppName, LoadTestBadge, TypeLabel } from '../ui/labels'
import { gapsOf, isTwinless, shiftOf, type Row, type TraceModel } from './model'

const [readHeight, writeHeight] = rememberedNumber('details', 340)

const knownNotes: Record<string, Key> = {
  late: 'note.late', orphan: 'note.orphan', attached: 'note.attached', cycle: 'note.cycle', repeated: 'note.repeated',
  delivery: 'note.delivery', merged: 'note.merged',
}

/** The two halves of one call, side by side. */
export function Detail({ model, row }: { model: TraceModel; row: Row }) {
  const t = useText()
  const [height, setHeight] = useState(readHeight)
  const body = useRef<HTMLDivElement>(null)
  const c = row.call
  useEffect(() => {
    if (body.current) body.current.scrollTop = 0
  }, [row.key])
  const resize = (h: number) => {
    const fit = Math.min(Math.max(h, 140), window.innerHeight - 220)
    setHeight(fit)
    writeHeight(fit)
  }
  const start = msOf(c.startUnixNano)
  const around = absolute(start - 15 * 60_000, start + 15 * 60_000)
  const same = searchHref({ caller: c.caller || 'external', callee: c.callee, operation: c.operation }, around)
  const mq = c.type === 'mq'
  const clientName = c.client?.kind === 'internal' ? t('detail.internal') : mq ? t('detail.producer') : t('detail.client')
  const serverName = mq ? t('detail.consumer') : t('detail.server')
  return (
    <section class="detail" aria-label={t('detail.title')} style={{ '--detail-height': `${height}px` }}>
      <Grip onMove={(y) => resize(window.innerHeight - y)} onKey={(by) => resize(height + by)} />
      <div class="detail-head">
        <h2 class="cut">
          <AppName name={c.caller} /> <span class="arrow">→</span> <AppName name={c.callee || c.caller} /> <span class="row-op">{c.operation}</span>
        </h2>
        <TypeLabel type={c.type} />
        {c.error && <span class="badge bad">{codeText(c) || t('call.failed')}</span>}
        {c.loadTest && <LoadTestBadge />}
        {(c.notes ?? []).map((n) => <span key={n} class="badge">{knownNotes[n] ? t(knownNotes[n]) : n}</span>)}
        <span class="grow" />
        <a class="btn tight" href={same}>{t('detail.similar')}</a>
        <button type="button" class="btn plain icon tight" aria-label={t('detail.close')} title={`${t('detail.close')} (Esc)`} onClick={() => update({ span: null }, true)}>
          <Icon name="close" />
        </button>
      </div>
      <div class="detail-body" ref={body} tabIndex={0} onKeyDown={(e) => e.key === 'Escape' && update({ span: null }, true)}>
        <Twin row={row} clientName={clientName} serverName={serverName} />
        {c.statusMessage && <p class="message bad">{c.statusMessage}</p>}
        <Sides model={model} row={row} clientName={clientName} serverName={serverName} around={around} />
      </div>
    </section>
  )
}

/** The call drawn large: what each side measured, and the gap by name. */
function Twin({ row, clientName, serverName }: { row: Row; clientName: string; serverName: string }) {
  const t = useText()
  const c = row.call
  const gaps = gapsOf(row)
  const twinless = isTwinless(c)
  // Who calls from outside reports nothing: that isn't missing.
  const fromOutside = !row.client && c.caller === ''
  const span = Math.max(row.end - row.start, 1)
  const pos = (b: { start: number; end: number }) => ({ left: `${((b.start - row.start) / span) * 100}%`, width: `max(2px, ${((b.end - b.start) / span) * 100}%)` })
  const sum = c.gapNano
  // What matters to a reader is how far the server's clock is off its client's.
  const shift = c.client && c.server ? (c.skewNano || 0) - (c.clientSkewNano || 0) : 0
  return (
    <div class={`twin-view${c.error ? ' err' : ''}`}>
      <div class="twin-lanes">
        {(row.client || (!twinless && !fromOutside)) && (
          <>
            <span class="twin-name">{clientName} <b class="num">{row.client ? formatDuration(row.client.end - row.client.start) : ''}</b></span>
            <span class="twin-lane">
              {row.client ? <i class={`bar client${twinless ? ' leaf' : ''}`} style={pos(row.client)} /> : <i class="bar none"><em>{t('detail.notReceived')}</em></i>}
            </span>
          </>
        )}
        {!twinless && (
          <>
            <span class="twin-name">{serverName} <b class="num">{row.server ? formatDuration(row.server.end - row.server.start) : ''}</b></span>
            <span class="twin-lane">
              {row.server ? <i class="bar server" style={pos(row.server)} /> : <i class="bar none"><em>{t('detail.notReceived')}</em></i>}
              {gaps && gaps.queue === null && gaps.request > 0 && row.client && row.server && <i class="gap" style={pos({ start: row.client.start, end: row.server.start })} />}
              {gaps && gaps.queue === null && gaps.response > 0 && row.client && row.server && <i class="gap" style={pos({ start: row.server.end, end: row.client.end })} />}
              {gaps && gaps.queue !== null && gaps.queue > 0 && row.client && row.server && <i class="gap" style={pos({ start: row.client.start, end: row.server.start })} />}
            </span>
          </>
        )}
      </div>
      <ul class="twin-facts">
        {gaps && gaps.queue === null && (
          <>
            <li><span>{t('detail.requestGap')}</span> <b class="num">{formatDuration(gaps.request)}</b></li>
            <li><span>{t('detail.responseGap')}</span> <b class="num">{formatDuration(gaps.response)}</b></li>
          </>
        )}
        {gaps && gaps.queue !== null && <li><span>{t('detail.queueGap')}</span> <b class="num">{formatDuration(gaps.queue)}</b></li>}
        {c.selfNano > 0 && <li title={t('detail.selfHint')}><span>{t('detail.self')}</span> <b class="num">{formatDuration(c.selfNano)}</b></li>}
        {gaps && gaps.queue === null && sum !== null && (
          <li class="quiet">
            {sum >= 0
              ? t('detail.gapSum', { gap: formatDuration(sum), share: formatShare(sum, c.durationNano) })
              : t('detail.negativeGap', { gap: formatDuration(-sum) })}
          </li>
        )}
        {!gaps && !twinless && !fromOutside && <li class="quiet">{t('detail.notReceivedHint')}</li>}
        {shift !== 0 && (
          <li class="quiet">{t('detail.skew', { shift: formatDuration(Math.abs(shift)), direction: shift > 0 ? t('detail.later') : t('detail.earlier') })}</li>
        )}
      </ul>
    </div>
  )
}

type Cell = ComponentChildren

/** Text of an attribute value; what isn't text is JSON. */
export const valueText = (v: unknown): string => (typeof v === 'string' ? v : JSON.stringify(v) ?? '')

/** Keys of both sides in the order of the client, then what only the server has. */
export function unionKeys(a: Attributes | undefined, b: Attributes | undefined): string[] {
  return [...new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])]
}

function Sides({ model, row, clientName, serverName, around }: { model: TraceModel; row: Row; clientName: string; serverName: string; around: { from: string; to: string } }) {
  const t = useText()
  const { client, server } = row.call
  const both = !!client && !!server
  const halves = [client, server].filter((h): h is Half => h !== null)

  const line = (name: string, show: (h: Half) => Cell, compare: (h: Half) => string, key = name, mono = false) => {
    const cells = halves.map((h) => ({ node: show(h), text: compare(h) }))
    if (cells.every((c) => c.text === '')) return null
    const cls = mono ? 'mono' : undefined
    if (both && cells[0].text === cells[1].text) {
      return (
        <tr key={key}>
          <th scope="row">{name}</th>
          <td colSpan={2} class={cls}>{cells[0].node}</td>
        </tr>
      )
    }
    return (
      <tr key={key}>
        <th scope="row">{name}</th>
        {cells.map((c, i) => <td key={i} class={cls}>{c.text === '' ? <span class="quiet">–</span> : c.node}</td>)}
      </tr>
    )
  }
  const text = (name: Key, get: (h: Half) => string | undefined, mono = false) => line(t(name), (h) => get(h) ?? '', (h) => get(h) ?? '', name, mono)
  const attributes = (pick: (h: Half) => Attributes | undefined, linked: boolean) =>
    unionKeys(pick(halves[0]), halves[1] && pick(halves[1])).map((k) => {
      const get = (h: Half) => {
        const v = pick(h)?.[k]
        return v === undefined ? '' : valueText(v)
      }
      const show = (h: Half) => {
        const v = get(h)
        const tag = `${k}=${v}`
        return (
          <span class="value">
            <span>{v}</span>
            {linked && v.length < 200 && (
              <a class="value-search" href={searchHref({}, around, [tag])} title={t('detail.addTag', { tag })} aria-label={t('detail.addTag', { tag })}><Icon name="search" /></a>
            )}
          </span>
        )
      }
      return line(k, show, get, k, true)
    })
  const section = (title: string, body: ComponentChildren) => (
    <tbody>
      <tr class="section"><th colSpan={both ? 3 : 2} scope="rowgroup">{title}</th></tr>
      {body}
    </tbody>
  )
  const events = halves.some((h) => h.events?.length)
  const links = halves.some((h) => h.links?.length)
  const hasResource = halves.some((h) => h.resource && Object.keys(h.resource).length)
  return (
    <table class="sides">
      <thead>
        <tr>
          <td />
          {client && <th scope="col">{clientName} · {client.app}</th>}
          {server && <th scope="col">{serverName} · {server.app}</th>}
        </tr>
      </thead>
      <tbody>
          {text('detail.operation', (h) => h.operation)}
          {text('detail.status', (h) => h.status)}
          {text('detail.code', (h) => h.resultCode)}
          {client?.statusMessage !== server?.statusMessage && both && text('detail.message', (h) => h.statusMessage)}
          {line(t('detail.start'), (h) => <><span>{dayClock(msOf(h.startUnixNano))}</span> <span class="quiet num">+{formatDuration(nanosSince(model.origin, h.startUnixNano) + shiftOf(row.call, h))}</span></>, (h) => h.startUnixNano, 'start')}
          {line(t('detail.duration'), (h) => <span class="num">{formatDuration(h.durationNano)}</span>, (h) => String(h.durationNano), 'duration')}
          {text('detail.local', (h) => h.localAddress, true)}
          {text('detail.peer', (h) => h.peerAddress, true)}
          {text('detail.instance', (h) => h.instance)}
          {text('detail.component', (h) => h.component)}
          {text('detail.kind', (h) => h.kind)}
          {line(t('detail.spanId'), (h) => <span class="value"><span>{h.spanId}</span><CopyButton text={h.spanId} what={t('detail.spanId')} /></span>, (h) => h.spanId, 'id', true)}
          {text('detail.sofaSpanId', (h) => h.sofaSpanId, true)}
          {text('detail.parent', (h) => h.parentSpanId, true)}
          {text('detail.route', (h) => h.route)}
      </tbody>
      {halves.some((h) => Object.keys(h.attributes ?? {}).length) && section(t('detail.attributes'), attributes((h) => h.attributes, true))}
      {events && section(t('detail.events'), (
        <tr>
          <th scope="row" />
          {halves.map((h, i) => (
            <td key={i}>
              {(h.events ?? []).map((e, k) => (
                <div class="event" key={k}>
                  <div><b>{e.name}</b> <span class="quiet num">+{formatDuration(nanosSince(model.origin, e.timeUnixNano) + shiftOf(row.call, h))}</span></div>
                  {Object.entries(e.attributes ?? {}).map(([name, v]) => (
                    <div class="event-attr" key={name}><span class="quiet">{name}</span><pre>{valueText(v)}</pre></div>
                  ))}
                </div>
              ))}
            </td>
          ))}
        </tr>
      ))}
      {links && section(t('detail.links'), (
        <tr>
          <th scope="row" />
          {halves.map((h, i) => (
            <td key={i} class="mono">
              {(h.links ?? []).map((l, k) => <div key={k}><a href={`/trace/${l.traceId}?span=${l.spanId}`}>{l.traceId}</a></div>)}
            </td>
          ))}
        </tr>
      ))}
      {hasResource && section(t('detail.resource'), attributes((h) => h.resource, false))}
    </table>
  )
}

/** The upper edge, by which the details are made taller or shorter. */
function Grip({ onMove, onKey }: { onMove(y: number): void; onKey(by: number): void }) {
  const t = useText()
  const [held, setHeld] = useState(false)
  return (
    <div
      class={`grip${held ? ' held' : ''}`}
      role="separator"
      aria-orientation="horizontal"
      aria-label={t('detail.resize')}
      tabIndex={0}
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId)
        setHeld(true)
        e.preventDefault()
      }}
      onPointerMove={(e) => held && onMove(e.clientY)}
      onPointerUp={() => setHeld(false)}
      onPointerCancel={() => setHeld(false)}
      onKeyDown={(e) => {
        if (e.key === 'ArrowUp') onKey(24)
        else if (e.key === 'ArrowDown') onKey(-24)
        else return
        e.preventDefault()
      }}
    />
  )
}
