import { useLayoutEffect, useState } from 'preact/hooks'
import type { RefObject } from 'preact'

/** The content size of an element, followed as it changes. Zero until it is laid out. */
export function useSize(ref: RefObject<Element | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const element = ref.current
    if (!element) return
    const read = () => {
      const { clientWidth: width, clientHeight: height } = element
      setSize((old) => (old.width === width && old.height === height ? old : { width, height }))
    }
    read()
    const observer = new ResizeObserver(read)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return size
}

/** Follows a media query. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => window.matchMedia(query).matches)
  useLayoutEffect(() => {
    const m = window.matchMedia(query)
    const follow = () => setMatches(m.matches)
    follow()
    m.addEventListener('change', follow)
    return () => m.removeEventListener('change', follow)
  }, [query])
  return matches
}

export const narrow = '(max-width: 719px)'
