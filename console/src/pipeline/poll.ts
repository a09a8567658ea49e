import { useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api/client'
import { add, pollEvery, type Sample } from './model'

// The samples outlive the page, so that they are there when one comes back from another page.
let kept: Sample[] = []

export interface Polled {
  samples: Sample[]
  /** Why the last request failed; undefined after one that did not. */
  error: Error | undefined
  /** Asks at once. */
  again(): void
}

/** Asks the server every two seconds while the page is in view and `on`. */
export function usePolling(on: boolean): Polled {
  const [state, setState] = useState<{ samples: Sample[]; error: Error | undefined }>({ samples: kept, error: undefined })
  const [tick, setTick] = useState(0)
  const first = useRef(true)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let asking: AbortController | undefined
    let ended = false
    const ask = async () => {
      timer = undefined
      const abort = (asking = new AbortController())
      try {
        const pipeline = await api.pipeline(abort.signal)
        if (ended) return
        kept = add(kept, { at: Date.now(), pipeline })
        setState({ samples: kept, error: undefined })
      } catch (error) {
        if (ended || abort.signal.aborted) return
        setState({ samples: kept, error: error as Error })
      } finally {
        if (asking === abort) asking = undefined
      }
      if (!ended && on && !document.hidden) timer = setTimeout(ask, pollEvery)
    }
    const seen = () => {
      if (document.hidden) {
        clearTimeout(timer)
        timer = undefined
      } else if (on && !timer && !asking) void ask()
    }
    document.addEventListener('visibilitychange', seen)
    // The first answer is shown whether or not the page goes on asking.
    if (!document.hidden && (on || first.current || tick)) void ask()
    first.current = false
    return () => {
      ended = true
      clearTimeout(timer)
      asking?.abort()
      document.removeEventListener('visibilitychange', seen)
    }
  }, [on, tick])
  return { ...state, again: () => setTick((n) => n + 1) }
}
