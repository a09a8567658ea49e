import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks'
import { useText } from '../i18n'
import { Icon } from './icon'

export interface Suggestion {
  value: string
  hint?: string
}

interface Props {
  label: string
  value: string
  placeholder?: string
  suggestions: Suggestion[]
  onChange(value: string): void
  /** Called when the list is about to be needed, so that it can be fetched. */
  onOpen?(): void
}

const most = 50

/** A text field with suggestions. What was typed counts on Enter or when the field is left; Escape takes it back. */
export function Combobox({ label, value, placeholder, suggestions, onChange, onOpen }: Props) {
  const t = useText()
  const id = useId()
  const [text, setText] = useState(value)
  const [open, setOpen] = useState(false)
  const [active, setActive] = useState(-1)
  const list = useRef<HTMLDivElement>(null)

  useEffect(() => setText(value), [value])

  const shown = useMemo(() => {
    // An untouched value lists everything, so that another one can be chosen without emptying the field first.
    const needle = text === value ? '' : text.trim().toLowerCase()
    return suggestions.filter((s) => s.value.toLowerCase().includes(needle)).slice(0, most)
  }, [suggestions, text, value])

  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' })
  }, [active])

  const commit = (v: string) => {
    setOpen(false)
    setActive(-1)
    setText(v)
    if (v !== value) onChange(v)
  }
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault()
      setOpen(true)
      const n = shown.length
      if (n) setActive((a) => (e.key === 'ArrowDown' ? (a + 1) % n : a <= 0 ? n - 1 : a - 1))
    } else if (e.key === 'Enter') {
      commit(open && active >= 0 && shown[active] ? shown[active].value : text.trim())
    } else if (e.key === 'Escape' && (open || text !== value)) {
      e.stopPropagation()
      setText(value)
      setOpen(false)
      setActive(-1)
    }
  }
  const visible = open && shown.length > 0

  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="combo">
        <input
          id={id}
          class="input"
          role="combobox"
          autocomplete="off"
          spellcheck={false}
          aria-expanded={visible}
          aria-controls={`${id}-list`}
          aria-activedescendant={visible && active >= 0 ? `${id}-${active}` : undefined}
          placeholder={placeholder}
          value={text}
          onFocus={() => onOpen?.()}
          onClick={() => setOpen(true)}
          onInput={(e) => {
            setText(e.currentTarget.value)
            setOpen(true)
            setActive(-1)
          }}
          onKeyDown={onKeyDown}
          onBlur={() => commit(text.trim())}
        />
        {value !== '' && (
          <button
            type="button"
            class="btn plain icon tight clear"
            aria-label={`${t('filter.clearOne')}: ${label}`}
            onMouseDown={(e) => e.preventDefault()}
            onClick={() => commit('')}
          >
            <Icon name="close" />
          </button>
        )}
        {visible && (
          <div class="pop" role="listbox" id={`${id}-list`} ref={list}>
            {shown.map((s, i) => (
              <div
                key={s.value}
                id={`${id}-${i}`}
                class="option"
                role="option"
                aria-selected={i === active}
                // Before the blur, which would close the list under the pointer.
                onMouseDown={(e) => {
                  e.preventDefault()
                  commit(s.value)
                }}
                onMouseEnter={() => setActive(i)}
              >
                <span class="cut">{s.value}</span>
                {s.hint && <span class="num">{s.hint}</span>}
              </div>
            ))}
          </div>
        )}
      </div>
    </div>
  )
}
