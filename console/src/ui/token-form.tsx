import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { askTenants, setToken, wanted } from '../access'
import { useText } from '../i18n'

/** Asks for the token that the server wants, in place of a page. */
export function TokenForm({ refused }: { refused: boolean }) {
  const t = useText()
  const id = useId()
  const [text, setText] = useState('')
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const go = (e: Event) => {
    e.preventDefault()
    // A pasted token often comes with the blanks of its line.
    const token = text.trim().replace(/^Bearer\s+/i, '')
    if (!token) return
    setToken(token)
    wanted.set(undefined)
    void askTenants(true)
  }
  return (
    <form class="notice token-form" onSubmit={go}>
      <h2>{t('access.title')}</h2>
      <p>{t('access.hint')}</p>
      <div class="field">
        <label for={id}>{t('access.token')}</label>
        <input
          id={id}
          ref={input}
          class="input"
          type="password"
          name="token"
          autocomplete="off"
          spellcheck={false}
          value={text}
          aria-invalid={refused && !text}
          aria-describedby={refused ? `${id}-problem` : undefined}
          onInput={(e) => setText(e.currentTarget.value)}
        />
        {refused && !text && (
          <div class="field-error" id={`${id}-problem`} role="alert">
            {t('access.refused')}
          </div>
        )}
      </div>
      <div class="acts">
        <button type="submit" class="btn primary" disabled={!text.trim()}>
          {t('access.go')}
        </button>
      </div>
    </form>
  )
}
