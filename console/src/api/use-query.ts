import { useEffect, useRef, useState } from 'preact/hooks'

/** What a page knows about a request. `data` stays from the last answer while a newer one is under way. */
export interface Loaded<T> {
  data: T | undefined
  error: Error | undefined
  /** The shown data belongs to an earlier key. */
  stale: boolean
  /** A request has been under way for long enough that a person would notice. */
  busy: boolean
}

// Answers are kept for a while so that "back" shows its page at once, at its scroll position, and then refreshes.
const kept = new Map<string, unknown>()
const keep = 16

function remember(key: string, data: unknown) {
  kept.delete(key)
  kept.set(key, data)
  if (kept.size > keep) kept.delete(kept.keys().next().value as string)
}

// Below this, an indicator would only flicker.
const noticeable = 250

/**
 * Runs `load` whenever `key` or `tick` changes; a null key means "nothing to ask". Raising `tick` refreshes in place.
 * `once` says that a kept answer is good enough (a trace by id), so that it isn't asked again.
 */
export function useQuery<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  options: { tick?: number; once?: boolean } = {},
): Loaded<T> {
  const [state, setState] = useState<{ key: string | null; data?: T; error?: Error }>({ key: null })
  const [busy, setBusy] = useState(false)
  const loadRef = useRef(load)
  loadRef.current = load
  const { tick = 0, once = false } = options

  useEffect(() => {
    if (key === null) return
    if (once && kept.has(key)) {
      setState({ key, data: kept.get(key) as T })
      return
    }
    const abort = new AbortController()
    const timer = setTimeout(() => setBusy(true), noticeable)
    loadRef
      .current(abort.signal)
      .then(
        (data) => {
          if (abort.signal.aborted) return
          remember(key, data)
          setState({ key, data })
        },
        (error: Error) => {
          if (abort.signal.aborted) return
          setState((old) => ({ key, error, data: old.key === key ? old.data : undefined }))
        },
      )
      .finally(() => {
        clearTimeout(timer)
        if (!abort.signal.aborted) setBusy(false)
      })
    return () => {
      clearTimeout(timer)
      setBusy(false)
      abort.abort()
    }
  }, [key, tick, once])

  if (key === null) return { data: undefined, error: undefined, stale: false, busy: false }
  if (state.key !== key && kept.has(key)) return { data: kept.get(key) as T, error: undefined, stale: false, busy }
  return { data: state.data, error: state.key === key ? state.error : undefined, stale: state.key !== key, busy }
}
