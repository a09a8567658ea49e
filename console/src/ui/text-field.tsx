import { useEffect, useId, useState } from 'preact/hooks'

interface Props {
  label: string
  hideLabel?: boolean
  value: string
  placeholder?: string
  /** Gives the text as it should be kept, or null if it makes no sense. */
  accept?(text: string): string | null
  problem?: string
  /** The field gathers values one after the other and is empty again after each. */
  gathers?: boolean
  onChange(value: string): void
}

/** A text field that counts on Enter or when it is left; nonsense is refused in place, with the reason. */
export function TextField({ label, hideLabel, value, placeholder, accept, problem, gathers, onChange }: Props) {
  const id = useId()
  const [text, setText] = useState(value)
  const [wrong, setWrong] = useState(false)
  useEffect(() => {
    setText(value)
    setWrong(false)
  }, [value])
  const commit = () => {
    const trimmed = text.trim()
    const v = trimmed === '' || !accept ? trimmed : accept(trimmed)
    setWrong(v === null)
    if (v === null) return
    setText(gathers ? '' : v)
    if (v !== value) onChange(v)
  }
  return (
    <div class="field">
      <label for={id} class={hideLabel ? 'hidden-text' : undefined}>
        {label}
      </label>
      <input
        id={id}
        class="input"
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        value={text}
        aria-invalid={wrong}
        aria-describedby={wrong ? `${id}-problem` : undefined}
        onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === 'Enter') commit()
          else if (e.key === 'Escape') setText(value)
        }}
        onBlur={commit}
      />
      {wrong && (
        <div class="field-error" id={`${id}-problem`}>
          {problem}
        </div>
      )}
    </div>
  )
}
