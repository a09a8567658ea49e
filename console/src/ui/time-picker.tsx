import { useEffect, useRef, useState } from 'preact/hooks'
import { spanText, useText } from '../i18n'
import { day, clock } from '../format/time'
import { absolute, isRelative, presets, resolve, type TimeRange } from '../timerange'
import { Icon } from './icon'

interface Props {
  range: TimeRange
  onChange(range: TimeRange): void
  onRefresh?(): void
  live?: boolean
  onLive?(live: boolean): void
}

// The form that <input type="datetime-local"> wants, in the browser's zone.
const local = (ms: number) => `${day(ms)}T${clock(ms).slice(0, 8)}`

/** A range in words: "Last 15 min", or its two instants as short as they can be. */
export function useRangeText(): (range: TimeRange) => string {
  const t = useText()
  return (range) => {
    if (isRelative(range)) return t('range.last', { span: spanText(t, range.from) })
    const { from, to } = resolve(range, Date.now())
    const fine = to - from < 60_000
    const time = (ms: number) => clock(ms).slice(0, fine ? 12 : 8)
    return `${day(from)} ${time(from)} – ${day(from) === day(to) ? '' : `${day(to)} `}${time(to)}`
  }
}

const liveEvery = 10_000

/** Calls `refresh` every ten seconds while `on`, unless nobody looks. */
export function useLive(on: boolean, refresh: () => void) {
  const latest = useRef(refresh)
  latest.current = refresh
  useEffect(() => {
    if (!on) return
    const timer = setInterval(() => {
      if (!document.hidden) latest.current()
    }, liveEvery)
    return () => clearInterval(timer)
  }, [on])
}

export function TimePicker({ range, onChange, onRefresh, live, onLive }: Props) {
  const t = useText()
  const text = useRangeText()
  const [open, setOpen] = useState(false)
  const [wrong, setWrong] = useState(false)
  const [left, setLeft] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const form = useRef<HTMLFormElement>(null)
  const button = useRef<HTMLButtonElement>(null)

  useEffect(() => {
    if (!open) return
    setWrong(false)
    // Drop to whichever side has the room.
    setLeft((box.current?.getBoundingClientRect().right ?? 999) < 310)
    const away = (e: PointerEvent) => {
      if (!box.current?.contains(e.target as Node)) setOpen(false)
    }
    const escape = (e: KeyboardEvent) => {
      if (e.key !== 'Escape') return
      setOpen(false)
      button.current?.focus()
    }
    document.addEventListener('pointerdown', away)
    document.addEventListener('keydown', escape)
    return () => {
      document.removeEventListener('pointerdown', away)
      document.removeEventListener('keydown', escape)
    }
  }, [open])

  const choose = (r: TimeRange) => {
    setOpen(false)
    onChange(r)
  }
  const submit = (e: Event) => {
    e.preventDefault()
    const fields = new FormData(form.current as HTMLFormElement)
    const from = Date.parse(String(fields.get('from')))
    const to = Date.parse(String(fields.get('to')))
    if (!(from < to)) return setWrong(true)
    choose(absolute(from, to))
  }
  const now = resolve(range, Date.now())

  return (
    <div class="when" ref={box}>
      <button
        ref={button}
        type="button"
        class="btn num"
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-label={`${t('range.title')}: ${text(range)}`}
        onClick={() => setOpen(!open)}
      >
        <Icon name="clock" />
        {text(range)}
        <Icon name="down" />
      </button>
      {onLive && (
        <button
          type="button"
          class="btn"
          title={t('range.liveHint')}
          aria-pressed={!!live}
          disabled={!isRelative(range)}
          onClick={() => onLive(!live)}
        >
          <span class="live-dot" />
          {t('range.live')}
        </button>
      )}
      {onRefresh && (
        <button type="button" class="btn icon" title={t('range.refresh')} aria-label={t('range.refresh')} onClick={onRefresh}>
          <Icon name="refresh" />
        </button>
      )}
      {open && (
        <div class={`pop${left ? ' left' : ''}`} role="dialog" aria-label={t('range.title')}>
          <div class="presets">
            {presets.map((p) => (
              <button
                key={p}
                type="button"
                class="btn tight"
                aria-pressed={isRelative(range) && range.from === p}
                onClick={() => choose({ from: p, to: 'now' })}
              >
                {spanText(t, p)}
              </button>
            ))}
          </div>
          <form ref={form} onSubmit={submit}>
            {(['from', 'to'] as const).map((name) => (
              <div class="field" key={name}>
                <label for={`range-${name}`}>{t(`range.${name}`)}</label>
                <input id={`range-${name}`} name={name} class="input num" type="datetime-local" step="1" required defaultValue={local(now[name])} />
              </div>
            ))}
            {wrong && <div class="field-error">{t('range.order')}</div>}
            <button type="submit" class="btn primary">
              {t('range.apply')}
            </button>
          </form>
        </div>
      )}
    </div>
  )
}
