import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { formatDuration } from '../format/duration'
import { formatCount } from '../format/number'
import { useText } from '../i18n'
import { rememberedNumber } from '../prefs'
import { update } from '../route'
import { codeText } from '../search/results'
import { Icon } from '../ui/icon'
import { narrow, useMedia, useSize } from '../ui/size'
import { TypeLabel } from '../ui/labels'
import { findRows, isCollapsed, isTwinless, reveal, toggle, visibleRows, type Row, type TraceModel } from './model'
import { laneLeft, laneRight, rulerTicks, tickText } from './lane'
import { Minimap } from './minimap'
import { writeFolding, writeZoom, type TraceState } from './state'

const [readShare, writeShare] = rememberedNumber('names', 36)

export function Waterfall({ model, state }: { model: TraceModel; state: TraceState }) {
  const t = useText()
  const isNarrow = useMedia(narrow)
  const rowHeight = isNarrow ? 44 : 26
  const scroller = useRef<HTMLDivElement>(null)
  const size = useSize(scroller)
  const [scroll, setScroll] = useState(0)
  const [share, setShare] = useState(readShare)
  const { rows, extent } = model
  const zoom: [number, number] = state.zoom ? [state.zoom[0], Math.min(state.zoom[1], extent)] : [0, extent]

  const visible = useMemo(() => {
    const z = state.zoom
    // Of a part of time only the calls that touch it are listed: in a long trace the rest is emptiness to scroll through.
    const only = state.critical || z ? (r: Row) => (!state.critical || r.call.critical) && (!z || (r.end >= z[0] && r.start <= z[1])) : undefined
    return visibleRows(model, state.folding, only)
  }, [model, state.folding, state.critical, state.zoom?.[0], state.zoom?.[1]])
  const matches = useMemo(() => findRows(model, state.find), [model, state.find])
  const matchSet = useMemo(() => new Set(matches), [matches])
  const errors = useMemo(() => rows.filter((r) => r.call.error).map((r) => r.index), [rows])
  const hasCritical = useMemo(() => rows.some((r) => r.call.critical), [rows])
  const chosen = state.span ? model.byKey.get(state.span) : undefined

  const nameWidth = isNarrow ? size.width : Math.round(Math.min(Math.max((size.width * share) / 100, 200), Math.max(size.width - 260, 200)))
  const laneWidth = Math.max((isNarrow ? size.width : size.width - nameWidth) - laneLeft - laneRight, 40)
  const px = (ns: number) => ((ns - zoom[0]) / (zoom[1] - zoom[0])) * laneWidth

  const scrollTo = (index: number, list = visible) => {
    const box = scroller.current
    const at = list.indexOf(index)
    if (!box || at < 0) return
    const y = at * rowHeight
    if (y < box.scrollTop || y + rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = Math.max(0, y - box.clientHeight / 3)
  }
  const choose = (index: number, replace = true) => {
    const folding = reveal(model, state.folding, index)
    const r = rows[index]
    const hides = state.critical && !r.call.critical
    const beyond = state.zoom !== null && (r.end < state.zoom[0] || r.start > state.zoom[1])
    update({ span: r.key, ...(folding === state.folding ? {} : writeFolding(folding)), ...(hides ? { critical: null } : {}), ...(beyond ? writeZoom(null) : {}) }, replace)
  }
  // The chosen row comes into view when it is chosen, also by the URL and when the details take up room.
  useEffect(() => {
    if (chosen) scrollTo(chosen.index)
  }, [chosen?.index, visible, size.height > 0, rowHeight])

  const step = (list: number[], by: 1 | -1) => {
    if (!list.length) return
    const here = chosen ? chosen.index : -1
    const next = by > 0 ? (list.find((i) => i > here) ?? list[0]) : ([...list].reverse().find((i) => i < here) ?? list[list.length - 1])
    choose(next)
  }
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.metaKey || e.ctrlKey || e.altKey) return
    const at = chosen ? visible.indexOf(chosen.index) : -1
    const page = Math.max(1, Math.floor(size.height / rowHeight) - 2)
    const go = (i: number) => visible.length && choose(visible[Math.min(Math.max(i, 0), visible.length - 1)])
    switch (e.key) {
      case 'ArrowDown': go(at + 1); break
      case 'ArrowUp': go(at < 0 ? 0 : at - 1); break
      case 'PageDown': go(at + page); break
      case 'PageUp': go(at - page); break
      case 'Home': go(0); break
      case 'End': go(visible.length - 1); break
      case 'ArrowRight':
        if (!chosen) return
        if (isCollapsed(chosen, state.folding)) update(writeFolding(toggle(state.folding, chosen.index)), true)
        else if (chosen.children) go(at + 1)
        break
      case 'ArrowLeft':
        if (!chosen) return
        if (chosen.children && !isCollapsed(chosen, state.folding)) update(writeFolding(toggle(state.folding, chosen.index)), true)
        else if (chosen.parent >= 0) choose(chosen.parent)
        break
      case 'Escape':
        if (!chosen) return
        update({ span: null }, true)
        break
      case 'e': step(errors, 1); break
      default: return
    }
    e.preventDefault()
  }
  // Ctrl+wheel (and a pinch on a touchpad) zooms time about the pointer; a listener of its own, because it must not be passive.
  const wheel = useRef<(e: WheelEvent) => void>(() => {})
  wheel.current = (e) => {
    if (!e.ctrlKey && !e.metaKey) return
    e.preventDefault()
    const box = (scroller.current as HTMLDivElement).getBoundingClientRect()
    const at = zoom[0] + ((e.clientX - box.left - (isNarrow ? 0 : nameWidth) - 12) / laneWidth) * (zoom[1] - zoom[0])
    const k = Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * 0.006)
    const z: [number, number] = [Math.max(0, at - (at - zoom[0]) * k), Math.min(extent, at + (zoom[1] - at) * k)]
    if (z[1] - z[0] < 100) return
    update(writeZoom(z[0] <= 0 && z[1] >= extent ? null : z), true)
  }
  useEffect(() => {
    const box = scroller.current
    if (!box) return
    const listener = (e: WheelEvent) => wheel.current(e)
    box.addEventListener('wheel', listener, { passive: false })
    return () => box.removeEventListener('wheel', listener)
  }, [])

  const first = Math.max(0, Math.floor(scroll / rowHeight) - 6)
  const end = Math.min(visible.length, Math.ceil((scroll + (size.height || 600)) / rowHeight) + 6)
  const ticks = rulerTicks(zoom[0], zoom[1], Math.max(2, Math.floor(laneWidth / 110)))
  const columns = isNarrow ? undefined : `${nameWidth}px minmax(0, 1fr)`

  return (
    <section class="waterfall">
      <Tools model={model} state={state} matches={matches} errors={errors} hasCritical={hasCritical} chosen={chosen?.index ?? -1} onStep={step} />
      <Minimap model={model} zoom={state.zoom} left={isNarrow ? 0 : nameWidth} onZoom={(z) => update(writeZoom(z), true)} />
      <div class="ruler" style={{ gridTemplateColumns: columns }}>
        {!isNarrow && (
          <div class="ruler-name">
            <span class="quiet num">{visible.length < rows.length ? `${formatCount(visible.length)} / ${formatCount(rows.length)}` : ''}</span>
            <Splitter
              onMove={(x) => {
                const box = scroller.current?.getBoundingClientRect()
                if (!box) return
                const s = Math.min(70, Math.max(15, ((x - box.left) / box.width) * 100))
                setShare(s)
                writeShare(s)
              }}
              onKey={(by) => {
                const s = Math.min(70, Math.max(15, share + by))
                setShare(s)
                writeShare(s)
              }}
            />
          </div>
        )}
        <div class="ruler-lane">
          {ticks.map((v) => (
            <span key={v} class="num" style={{ left: `${px(v) + 12}px` }}>
              {tickText(v, ticks.length > 1 ? ticks[1] - ticks[0] : v)}
            </span>
          ))}
        </div>
      </div>
      <div
        ref={scroller}
        class="rows"
        role="tree"
        tabIndex={0}
        aria-label={t('trace.rows')}
        aria-activedescendant={chosen ? `row-${chosen.index}` : undefined}
        onScroll={(e) => setScroll(e.currentTarget.scrollTop)}
        onKeyDown={onKeyDown}
      >
        <div class="rows-space" style={{ height: `${visible.length * rowHeight}px` }}>
          <div class="lane-grid" style={{ left: `${(isNarrow ? 0 : nameWidth) + 12}px`, width: `${laneWidth}px` }} aria-hidden="true">
            {ticks.map((v) => <i key={v} style={{ left: `${px(v)}px` }} />)}
          </div>
          {visible.slice(first, end).map((index, k) => (
            <RowView
              key={index}
              row={rows[index]}
              top={(first + k) * rowHeight}
              height={rowHeight}
              columns={columns}
              nameWidth={nameWidth}
              laneWidth={laneWidth}
              px={px}
              collapsed={isCollapsed(rows[index], state.folding)}
              chosen={chosen?.index === index}
              match={matchSet.has(index)}
              critical={state.critical}
              onChoose={() => choose(index, !!chosen)}
              onToggle={() => update(writeFolding(toggle(state.folding, index)), true)}
            />
          ))}
        </div>
      </div>
    </section>
  )
}

interface RowProps {
  row: Row
  top: number
  height: number
  columns: string | undefined
  nameWidth: number
  laneWidth: number
  px(ns: number): number
  collapsed: boolean
  chosen: boolean
  match: boolean
  critical: boolean
  onChoose(): void
  onToggle(): void
}

const indentStep = 14

/** Deep trees would push their names out of the column: beyond a share of it, levels move closer together. */
function indent(depth: number, nameWidth: number): number {
  const room = nameWidth * 0.45
  const wide = Math.floor(room / indentStep)
  if (depth <= wide) return depth * indentStep
  return Math.min(wide * indentStep + (depth - wide) * 2, nameWidth * 0.62)
}

function RowView(p: RowProps) {
  const t = useText()
  const { row } = p
  const c = row.call
  const left = indent(row.depth, p.nameWidth)
  const failedHere = c.error
  return (
    <div
      id={`row-${row.index}`}
      role="treeitem"
      aria-level={row.depth + 1}
      aria-expanded={row.children ? !p.collapsed : undefined}
      aria-selected={p.chosen}
      class={`row${p.chosen ? ' chosen' : ''}${failedHere ? ' err' : ''}${p.match ? ' match' : ''}`}
      style={{ transform: `translateY(${p.top}px)`, height: `${p.height}px`, gridTemplateColumns: p.columns }}
      onClick={p.onChoose}
    >
      <div class="row-name">
        <span class="guides" style={{ width: `${left}px` }} />
        {row.children > 0 ? (
          <button
            type="button"
            class="fold"
            tabIndex={-1}
            aria-hidden="true"
            onClick={(e) => {
              e.stopPropagation()
              p.onToggle()
            }}
          >
            <Icon name={p.collapsed ? 'right' : 'down'} />
          </button>
        ) : (
          <span class="fold" />
        )}
        <span class="cut" title={`${c.caller || t('call.outside')} → ${c.callee}\n${c.operation}`}>
          <b>{c.callee || c.caller}</b> <span class="row-op">{c.operation}</span>
        </span>
        {p.collapsed && <span class="badge num" title={t('trace.collapsed', { n: row.last - row.index - 1 })}>+{formatCount(row.last - row.index - 1)}</span>}
        <span class="grow" />
        {failedHere && <span class="bad num row-code">{codeText(c) || t('call.failed')}</span>}
        <TypeLabel type={c.type} />
      </div>
      <div class="lane">
        <Bars row={row} px={p.px} width={p.laneWidth} critical={p.critical && c.critical} />
      </div>
    </div>
  )
}

const labelRoom = 62

/** A call in time: the client's bar, the server's inside it, the gap visible at both ends, a missing side dotted. */
export function Bars({ row, px, width, critical }: { row: Row; px(ns: number): number; width: number; critical?: boolean }) {
  const t = useText()
  const c = row.call
  const clip = (x: number) => Math.min(Math.max(x, -4), width + 4)
  const place = (b: { start: number; end: number }) => {
    const a = clip(px(b.start))
    return { left: `${a}px`, width: `${Math.max(clip(px(b.end)) - a, 2)}px` }
  }
  const a = clip(px(row.start))
  const z = Math.max(clip(px(row.end)), a + 2)
  const outside = px(row.end) < 0 || px(row.start) > width
  const twinless = isTwinless(c)
  const whole = { start: row.start, end: row.end }
  // Inside its client's bar, with the same margin as a server's bar has above and below; too short a bar has no room.
  const within = z - a > 10 ? { left: `${a + 4}px`, width: `${z - a - 8}px` } : null
  // A message has two bars that lie apart: the consumer's label is the row's, the producer's stands left of its own bar.
  const label = formatDuration(c.type === 'mq' && row.server ? row.server.end - row.server.start : c.durationNano)
  // Right of the bar, else left of it, else inside at its end.
  const labelStyle = z + labelRoom <= width + laneRight ? { left: `${z + 6}px` } : a >= labelRoom ? { right: `calc(100% - ${a - 6}px)` } : { right: `calc(100% - ${Math.min(z, width) - 5}px)` }
  const inside = z + labelRoom > width + laneRight && a < labelRoom
  if (outside) return null
  const sent = c.type === 'mq' && row.client && row.server && row.server.end > row.client.end ? clip(px(row.client.start)) : -1
  return (
    <>
      {sent >= labelRoom && row.client && (
        <span class="bar-label num sent" style={{ right: `calc(100% - ${sent - 6}px)` }} title={t('detail.producer')}>
          {formatDuration(row.client.end - row.client.start)}
        </span>
      )}
      {c.type === 'mq' && row.client && row.server && (
        <span class="wire" style={place({ start: Math.min(row.client.end, row.server.start), end: Math.max(row.server.start, row.client.end) })} />
      )}
      {row.client && <span class={`bar client${twinless ? (c.type === 'internal' ? ' internal' : ' leaf') : ''}`} style={place(row.client)} />}
      {row.client && !row.server && !twinless && within && <span class="bar missing-server" style={within} />}
      {!row.client && row.server && c.caller !== '' && <span class="bar missing-client" style={place(whole)} />}
      {row.server && <span class="bar server" style={place(row.server)} />}
      {critical && <span class="bar critical" style={place(whole)} />}
      <span class={`bar-label num${inside ? ' inside' : ''}`} style={labelStyle}>
        {label}
      </span>
    </>
  )
}

interface ToolsProps {
  model: TraceModel
  state: TraceState
  matches: number[]
  errors: number[]
  hasCritical: boolean
  chosen: number
  onStep(list: number[], by: 1 | -1): void
}

function Tools({ model, state, matches, errors, hasCritical, chosen, onStep }: ToolsProps) {
  const t = useText()
  const [text, setText] = useState(state.find)
  useEffect(() => setText(state.find), [state.find])
  // Each letter searches the whole trace, so a moment's rest is awaited.
  useEffect(() => {
    if (text === state.find) return
    const timer = setTimeout(() => update({ q: text }, true), 180)
    return () => clearTimeout(timer)
  }, [text])
  const levels = Math.min(model.maxDepth, 6)
  const place = matches.indexOf(chosen)
  return (
    <div class="tools">
      <div class="find">
        <Icon name="search" />
        <input
          class="input"
          type="search"
          spellcheck={false}
          placeholder={t('trace.find')}
          title={t('trace.findHint')}
          aria-label={`${t('trace.find')}: ${t('trace.findHint')}`}
          value={text}
          onInput={(e) => setText(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key !== 'Enter') return
            if (text !== state.find) update({ q: text }, true)
            else onStep(matches, e.shiftKey ? -1 : 1)
          }}
        />
        {state.find && (
          <>
            <span class={`num find-count${matches.length ? '' : ' bad'}`} role="status">
              {matches.length ? (place >= 0 ? t('trace.matches', { i: formatCount(place + 1), n: formatCount(matches.length) }) : formatCount(matches.length)) : t('trace.noMatch')}
            </span>
            <button type="button" class="btn plain icon tight" disabled={!matches.length} aria-label={t('trace.prev')} title={t('trace.prev')} onClick={() => onStep(matches, -1)}><Icon name="up" /></button>
            <button type="button" class="btn plain icon tight" disabled={!matches.length} aria-label={t('trace.next')} title={t('trace.next')} onClick={() => onStep(matches, 1)}><Icon name="down" /></button>
          </>
        )}
      </div>
      {errors.length > 0 && (
        <button type="button" class="btn" title={`${t('trace.nextError')} (e)`} onClick={() => onStep(errors, 1)}>
          <span class="bad">{t('trace.nextError')}</span>
        </button>
      )}
      {hasCritical && (
        <button type="button" class="btn" aria-pressed={state.critical} title={t('trace.criticalHint')} onClick={() => update({ critical: state.critical ? null : '1' })}>
          {t('trace.critical')}
        </button>
      )}
      {levels > 1 && (
        <label class="levels">
          <span>{t('trace.levels')}</span>
          <select
            class="input"
            value={state.folding.depth === null ? '' : String(state.folding.depth)}
            onChange={(e) => update({ depth: e.currentTarget.value || null, turn: null })}
          >
            <option value="">{t('trace.allLevels')}</option>
            {Array.from({ length: levels }, (_, i) => <option key={i} value={String(i)}>{i + 1}</option>)}
          </select>
        </label>
      )}
      {state.zoom && (
        <button type="button" class="btn" onClick={() => update(writeZoom(null), true)}>
          {t('trace.resetZoom')}
        </button>
      )}
      <span class="grow" />
      <div class="legend" aria-label={t('trace.legend')}>
        <span><i class="g client" />{t('legend.client')}</span>
        <span><i class="g both" />{t('legend.server')}</span>
        <span><i class="g missing" />{t('legend.missing')}</span>
        {model.trace.errors > 0 && <span><i class="g both err" />{t('legend.error')}</span>}
        {state.critical && <span><i class="g crit" />{t('legend.critical')}</span>}
      </div>
    </div>
  )
}

/** The handle between names and time. */
function Splitter({ onMove, onKey }: { onMove(x: number): void; onKey(by: number): void }) {
  const [held, setHeld] = useState(false)
  return (
    <div
      class={`splitter${held ? ' held' : ''}`}
      role="separator"
      aria-orientation="vertical"
      tabIndex={0}
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId)
        setHeld(true)
        e.preventDefault()
      }}
      onPointerMove={(e) => held && onMove(e.clientX)}
      onPointerUp={() => setHeld(false)}
      onPointerCancel={() => setHeld(false)}
      onKeyDown={(e) => {
        if (e.key === 'ArrowLeft') onKey(-2)
        else if (e.key === 'ArrowRight') onKey(2)
      }}
    />
  )
}
