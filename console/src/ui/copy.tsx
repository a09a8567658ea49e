import { useEffect, useState } from 'preact/hooks'
import { useText } from '../i18n'
import { Icon } from './icon'

// Without TLS the clipboard API is missing; the old way still works there.
async function toClipboard(text: string) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  area.style.position = 'fixed'
  area.style.opacity = '0'
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

export function CopyButton({ text, what }: { text: string; what: string }) {
  const t = useText()
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  const label = done ? t('trace.copied') : `${t('trace.copy')}: ${what}`
  return (
    <button
      type="button"
      class="btn plain icon tight"
      title={label}
      aria-label={label}
      onClick={() => toClipboard(text).then(() => setDone(true), () => {})}
    >
      <Icon name={done ? 'check' : 'copy'} />
    </button>
  )
}
