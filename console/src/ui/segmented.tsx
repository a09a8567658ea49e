interface Props<T extends string> {
  label: string
  value: T
  options: { value: T; text: string }[]
  onChange(value: T): void
}

/** A choice of one among few, all of them in view. Arrow keys move it, as in any radio group. */
export function Segmented<T extends string>({ label, value, options, onChange }: Props<T>) {
  const onKeyDown = (e: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key]
    if (!step) return
    e.preventDefault()
    const i = options.findIndex((o) => o.value === value)
    const next = (i + step + options.length) % options.length
    onChange(options[next].value)
    ;((e.currentTarget as HTMLElement).children[next] as HTMLElement).focus()
  }
  return (
    <div class="seg" role="radiogroup" aria-label={label} onKeyDown={onKeyDown}>
      {options.map((o) => (
        <button
          key={o.value}
          type="button"
          role="radio"
          aria-checked={o.value === value}
          tabIndex={o.value === value ? 0 : -1}
          onClick={() => onChange(o.value)}
        >
          {o.text}
        </button>
      ))}
    </div>
  )
}
