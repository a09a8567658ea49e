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
const kept = new Map<string, { data: unknown; at: number }>()
const keep = 16

function remember(key: string, data: unknown) {
  kept.delete(key)
  kept.set(key, { data, at: Date.now() })
  if (kept.size > keep) kept.delete(kept.keys().next().value as string)
}

// Below this, an indicator would only flicker.
const noticeable = 250

/**
 * Runs `load` whenever `key` or `tick` changes; a null key means "nothing to ask". Raising `tick` refreshes in place.
 * `final` says of a kept answer and the time it came that it won't change any more, so that it isn't asked again.
 */
export function useQuery<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  options: { tick?: number; final?: (data: T, at: number) => boolean } = {},
): Loaded<T> {
  const [state, setState] = useState<{ key: string | null; data?: T; error?: Error }>({ key: null })
  const [busy, setBusy] = useState(false)
  const loadRef = useRef(load)
  loadRef.current = load
  const finalRef = useRef(options.final)
  finalRef.current = options.final
  const shownTick = useRef(-1)
  const { tick = 0 } = options

  useEffect(() => {
    if (key === null) return
    const old = kept.get(key) as { data: T; at: number } | undefined
    // A raised tick is a wish to ask again, whatever is kept.
    const again = shownTick.current !== -1 && shownTick.current !== tick
    shownTick.current = tick
    if (old && !again && finalRef.current?.(old.data, old.at)) {
      setState({ key, data: old.data })
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
  }, [key, tick])

  if (key === null) return { data: undefined, error: undefined, stale: false, busy: false }
  if (state.key !== key && kept.has(key)) return { data: kept.get(key)?.data as T, error: undefined, stale: false, busy }
  return { data: state.data, error: state.key === key ? state.error : undefined, stale: state.key !== key, busy }
}
