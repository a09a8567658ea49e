/** A call as a row of the waterfall: its name in the tree, and its bars in time. */
import { formatDuration } from '../format/duration'
import { formatCount } from '../format/number'
import { useText } from '../i18n'
import { codeText } from '../search/results'
import { Icon } from '../ui/icon'
import { TypeLabel } from '../ui/labels'
import { laneRight } from './lane'
import { isTwinless, type Row } from './model'

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

export function RowView(p: RowProps) {
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
function Bars({ row, px, width, critical }: { row: Row; px(ns: number): number; width: number; critical?: boolean }) {
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
