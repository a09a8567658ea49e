import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks'
import { api, ApiError } from '../api/client'
import { useQuery } from '../api/use-query'
import { useText } from '../i18n'
import { apiRange, type TimeRange } from '../timerange'
import { Icon } from '../ui/icon'
import { forgetQueries, recentQueries, rememberQuery } from './history'
import { stages, wantedAt } from './traceql'

const most = 60
const recent = (_: unknown, at: number) => Date.now() - at < 60_000

/** Shown where nothing is written yet; the box is as high as it needs. */
const example = '{ resource.service.name = "web" } >> { status = error }'

/** A query as written, with completion, its error underlined where it is, and the queries asked before. */
export function QueryEditor({ value, range, error, onRun }: { value: string; range: TimeRange; error?: Error; onRun(text: string): void }) {
  const t = useText()
  const id = useId()
  const [text, setText] = useState(value)
  const [caret, setCaret] = useState(value.length)
  const [open, setOpen] = useState<'no' | 'typed' | 'asked'>('no')
  const [active, setActive] = useState(0)
  const [focused, setFocused] = useState(false)
  const [past, setPast] = useState<string[] | null>(null)
  const area = useRef<HTMLTextAreaElement>(null)
  const list = useRef<HTMLDivElement>(null)

  useEffect(() => {
    setText(value)
    setOpen('no')
  }, [value])

  // What is being written is checked once the writer pauses.
  const [checked, setChecked] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setChecked(text), 350)
    return () => clearTimeout(timer)
  }, [text])
  const check = useQuery(checked.trim() ? `check ${checked}` : null, (s) => api.checkTraceQL(checked, s), { final: () => true })
  const problem = checked === text ? (check.error ?? (text === value ? error : undefined)) : undefined
  const place = problem instanceof ApiError ? problem.place : undefined

  const wanted = focused ? wantedAt(text, caret) : null
  const frame = apiRange(range)
  const frameKey = `${frame.from}/${frame.to}`
  const tags = useQuery(focused ? `tags ${frameKey}` : null, (s) => api.tags(frame, s), { final: recent })
  const attribute = wanted?.kind === 'value' ? wanted.attribute : ''
  const values = useQuery(attribute ? `values ${attribute} ${frameKey}` : null, (s) => api.tagValues({ tag: attribute, ...frame }, s), { final: recent })

  const names = useMemo(() => (tags.data ? [...tags.data.tags.map((x) => ({ value: x.query, hint: x.scope })), ...tags.data.intrinsics.map((x) => ({ value: x, hint: '' }))] : []), [tags.data])
  const offered = useMemo(() => {
    if (!wanted) return []
    const needle = wanted.text.toLowerCase()
    const all =
      wanted.kind === 'stage' ? stages.map((x) => ({ value: x, hint: '' }))
        : wanted.kind === 'name' ? names
          : (values.data && !values.stale ? values.data.values : []).map((v) => ({ value: v.query, hint: '' }))
    const fits = all.filter((x) => x.value.toLowerCase().includes(needle) && x.value !== wanted.text)
    // What begins as was typed, with or without its scope, comes first.
    const begins = (x: string) => x.toLowerCase().startsWith(needle) || x.toLowerCase().replace(/^[a-z]*\./, '').startsWith(needle.replace(/^[a-z]*\./, ''))
    return [...fits.filter((x) => begins(x.value)), ...fits.filter((x) => !begins(x.value))].slice(0, most)
  }, [wanted?.kind, wanted?.text, names, values.data, values.stale])
  // Between the parts of a query something is offered only to who asks, or begins to write.
  const visible = open !== 'no' && focused && offered.length > 0 && (open === 'asked' || wanted?.kind !== 'stage' || wanted.text !== '')

  useEffect(() => setActive(0), [offered])
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' })
  }, [active, visible])

  const run = (query = text) => {
    setOpen('no')
    setPast(null)
    rememberQuery(query)
    onRun(query.trim())
  }
  const accept = (offer: string) => {
    if (!wanted) return
    // Who has written the bar does not want another one.
    const choice = wanted.kind === 'stage' && offer.startsWith('| ') && /\|\s*$/.test(text.slice(0, wanted.from)) ? offer.slice(2) : offer
    const close = wanted.kind === 'value' && choice.endsWith('"') && text[caret] === '"' ? 1 : 0
    const before = text.slice(0, wanted.from) + choice
    const inside = choice.endsWith('{ }') ? 2 : choice.endsWith('()') ? 1 : 0
    setText(before + text.slice(caret + close))
    setOpen('no')
    requestAnimationFrame(() => {
      const at = before.length - inside
      area.current?.focus()
      area.current?.setSelectionRange(at, at)
      setCaret(at)
    })
  }
  const onKeyDown = (e: KeyboardEvent) => {
    if (visible && (e.key === 'ArrowDown' || e.key === 'ArrowUp')) {
      e.preventDefault()
      setActive((a) => (a + (e.key === 'ArrowDown' ? 1 : offered.length - 1)) % offered.length)
    } else if (visible && (e.key === 'Tab' || (e.key === 'Enter' && !e.ctrlKey && !e.metaKey && wanted && wanted.text !== ''))) {
      e.preventDefault()
      accept(offered[active].value)
    } else if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault()
      run()
    } else if (e.key === 'Escape') {
      setOpen('no')
      setPast(null)
    } else if (e.key === ' ' && e.ctrlKey) {
      e.preventDefault()
      setOpen('asked')
    }
  }
  const follow = () => setCaret(area.current?.selectionStart ?? text.length)

  return (
    <div class="editor panel">
      <div class="editor-line">
        <div class="editor-box">
          <pre class="editor-mirror" aria-hidden="true">{place ? underlined(text, place) : text || example}{'\n'}</pre>
          <textarea
            ref={area}
            class="editor-text"
            aria-label={t('query.label')}
            aria-invalid={!!problem}
            aria-describedby={problem ? `${id}-problem` : undefined}
            aria-autocomplete="list"
            aria-controls={`${id}-list`}
            aria-activedescendant={visible ? `${id}-${active}` : undefined}
            aria-haspopup="listbox"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            rows={1}
            placeholder={example}
            value={text}
            onInput={(e) => {
              setText(e.currentTarget.value)
              setCaret(e.currentTarget.selectionStart)
              setOpen('typed')
              setPast(null)
            }}
            onKeyDown={onKeyDown}
            onKeyUp={follow}
            onClick={follow}
            onFocus={() => setFocused(true)}
            onBlur={() => {
              setFocused(false)
              setOpen('no')
            }}
          />
          {visible && (
            <div class="pop editor-pop" role="listbox" id={`${id}-list`} ref={list}>
              {offered.map((o, i) => (
                <div
                  key={o.value}
                  id={`${id}-${i}`}
                  class="option mono"
                  role="option"
                  aria-selected={i === active}
                  // Before the blur, which would close the list under the pointer.
                  onMouseDown={(e) => {
                    e.preventDefault()
                    accept(o.value)
                  }}
                  onMouseEnter={() => setActive(i)}
                >
                  <span class="cut">{o.value}</span>
                  {o.hint && <span>{o.hint}</span>}
                </div>
              ))}
            </div>
          )}
        </div>
        <div class="editor-acts">
          <button type="button" class="btn" aria-expanded={past !== null} onClick={() => setPast(past ? null : recentQueries())}>
            {t('query.recent')}
          </button>
          <button type="button" class="btn primary" onClick={() => run()}>
            {t('query.run')}
          </button>
        </div>
      </div>
      {problem && !visible && (
        <div class="field-error editor-problem" id={`${id}-problem`} role="alert">
          {problem.message.replace(/^bad request: TraceQL(, line 1)?,? ?/, '')}
        </div>
      )}
      {past && (
        <div class="editor-past">
          {past.length === 0 && <p class="quiet">{t('query.noneYet')}</p>}
          <ul>
            {past.map((q) => (
              <li key={q}>
                <button
                  type="button"
                  class="btn plain mono cut"
                  title={q}
                  onClick={() => {
                    setText(q)
                    run(q)
                  }}
                >
                  {q}
                </button>
              </li>
            ))}
          </ul>
          {past.length > 0 && (
            <button
              type="button"
              class="btn plain tight"
              onClick={() => {
                forgetQueries()
                setPast([])
              }}
            >
              <Icon name="close" /> {t('query.forget')}
            </button>
          )}
        </div>
      )}
    </div>
  )
}

/** The text with what is wrong marked; columns count characters, not UTF-16 units. */
function underlined(text: string, place: { line: number; column: number; endColumn: number }) {
  const lines = text.split('\n')
  const wrong = [...(lines[place.line - 1] ?? '')]
  const before = [...lines.slice(0, place.line - 1).map((l) => `${l}\n`), wrong.slice(0, place.column - 1).join('')].join('')
  const marked = wrong.slice(place.column - 1, place.endColumn - 1).join('')
  return (
    <>
      {before}
      <mark class="wrong">{marked || ' '}</mark>
      {text.slice(before.length + marked.length)}
    </>
  )
}
