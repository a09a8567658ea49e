import { clock, day } from '../format/time'
import { useText } from '../i18n'

interface Props {
  /** The range that was asked for, and how far down the search came, in milliseconds. */
  from: number
  to: number
  reached: number
  reason: string
  busy: boolean
  onContinue?(): void
}

/** Says that an answer is not the whole one: how far the search came, and how to go on. */
export function Searched({ from, to, reached, reason, busy, onContinue }: Props) {
  const t = useText()
  const at = (ms: number) => (day(from) === day(to) ? clock(ms).slice(0, 8) : `${day(ms).slice(5)} ${clock(ms).slice(0, 5)}`)
  const known = reached > from && reached <= to
  const part = known ? Math.min(1, Math.max(0, (to - reached) / Math.max(to - from, 1))) : 0
  return (
    <div class="searched panel" role="status" title={reason}>
      {known ? (
        <>
          <span>{t('search.reached', { reached: at(reached), to: at(to), from: at(from) })}</span>
          <span class="searched-bar" aria-hidden="true">
            <i style={{ width: `${Math.max(part * 100, 1)}%` }} />
          </span>
        </>
      ) : (
        <span>{t('search.partial', { reason })}</span>
      )}
      {onContinue && (
        <button type="button" class="btn" disabled={busy} onClick={onContinue}>
          {busy ? t('search.goingOn') : t('search.goOn')}
        </button>
      )}
    </div>
  )
}
