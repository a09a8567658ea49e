import type { CallType } from '../api/types'
import { useText } from '../i18n'

/** The name of an app, or "outside" where the caller isn't known. */
export function AppName({ name }: { name: string }) {
  const t = useText()
  if (name === '' || name === 'external') return <span class="quiet">{t('call.outside')}</span>
  // A narrow cell breaks the name of a store or queue behind its system.
  const colon = name.indexOf(':') + 1
  return <>{name.slice(0, colon)}{colon > 0 && <wbr />}{name.slice(colon)}</>
}

export function TypeLabel({ type }: { type: CallType }) {
  const t = useText()
  return <span class="type">{t(`type.${type}`)}</span>
}

export function LoadTestBadge() {
  const t = useText()
  return (
    <span class="badge shadow-mark" title={t('call.loadTestHint')}>
      {t('call.loadTest')}
    </span>
  )
}
