import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { formatCount } from '../format/number'
import { useText } from '../i18n'
import { rememberedNumber } from '../prefs'
import { update } from '../route'
import { narrow, useMedia, useSize } from '../ui/size'
import { findRows, isCollapsed, reveal, toggle, visibleRows, type Row, type TraceModel } from './model'
import { laneLeft, laneRight, rulerTicks, tickText } from './lane'
import { Minimap } from './minimap'
import { RowView } from './row'
import { Splitter } from './splitter'
import { writeFolding, writeZoom, type TraceState } from './state'
import { Tools } from './tools'

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
