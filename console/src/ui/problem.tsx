import { ApiError } from '../api/client'
import { useText } from '../i18n'

/** An error where data would have been: what happened, and what to do. */
export function Problem({ error, onRetry }: { error: Error; onRetry(): void }) {
  const t = useText()
  const code = error instanceof ApiError ? error.code : ''
  const status = error instanceof ApiError ? error.status : 0
  const [title, hint] =
    code === 'unreachable' || code === 'http_502'
      ? [t('error.unreachable'), t('error.unreachableHint')]
      : status >= 500
        ? [t('error.server'), t('error.serverHint')]
        : status >= 400
          ? [t('error.badRequest'), '']
          : [t('error.title'), '']
  return (
    <div class="notice bad-notice" role="alert">
      <h2>{title}</h2>
      <p>
        <code>{error.message}</code>
      </p>
      {hint && <p>{hint}</p>}
      <div class="acts">
        <button type="button" class="btn" onClick={onRetry}>
          {t('error.retry')}
        </button>
      </div>
    </div>
  )
}
