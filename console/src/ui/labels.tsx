import type { CallType } from '../api/types'
import { useText } from '../i18n'

/** The name of an app, or "outside" where the caller isn't known. */
export function AppName({ name }: { name: string }) {
  const t = useText()
  return name === '' || name === 'external' ? <span class="quiet">{t('call.outside')}</span> : <>{name}</>
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
