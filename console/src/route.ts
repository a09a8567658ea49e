import { useEffect, useState } from 'preact/hooks'
import { tenant } from './access'

/** The URL is the console's whole state. This is the only place that reads or writes it. */
export interface Place {
  path: string
  params: URLSearchParams
}

const read = (): Place => ({ path: window.location.pathname, params: new URLSearchParams(window.location.search) })

const listeners = new Set<() => void>()

function changed() {
  for (const l of listeners) l()
}

/** `path` with parameters, as an href. The tenant goes along everywhere, so that a link shows others the same. */
export function href(path: string, params?: URLSearchParams): string {
  if (tenant) {
    params = new URLSearchParams(params)
    params.set('tenant', tenant)
  }
  const text = params?.toString() ?? ''
  return text ? `${path}?${readable(text)}` : path
}

// URLSearchParams escapes more than a query needs; these are legal there and make a URL that can be read and edited.
const readable = (s: string) =>
  s.replace(/%3A/g, ':').replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3D/g, '=').replace(/%40/g, '@')

/** Goes to another place. `replace` is for changes that "back" should not step through, such as typing. */
export function navigate(path: string, params?: URLSearchParams, replace = false) {
  const url = href(path, params)
  if (url === window.location.pathname + window.location.search) return
  window.history[replace ? 'replaceState' : 'pushState'](null, '', url)
  changed()
}

/** Changes some parameters of the present place; null or '' removes one. */
export function update(changes: Record<string, string | string[] | null>, replace = false) {
  const { path, params } = read()
  for (const [key, value] of Object.entries(changes)) {
    params.delete(key)
    for (const v of Array.isArray(value) ? value : [value]) if (v !== null && v !== '') params.append(key, v)
  }
  navigate(path, params, replace)
}

export function usePlace(): Place {
  const [place, setPlace] = useState(read)
  useEffect(() => {
    const listener = () => setPlace(read())
    listeners.add(listener)
    // A navigation between render and effect would be missed otherwise.
    listener()
    return () => void listeners.delete(listener)
  }, [])
  return place
}

/** Lets plain links change the page without loading it anew. Called once. */
export function startRouting() {
  window.addEventListener('popstate', changed)
  document.addEventListener('click', (e) => {
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return
    const a = (e.target as Element).closest?.('a[href]') as HTMLAnchorElement | null
    if (!a || a.target || a.hasAttribute('download') || a.origin !== window.location.origin) return
    if (a.pathname.startsWith('/api/')) return
    e.preventDefault()
    const leaving = a.pathname !== window.location.pathname
    navigate(a.pathname, new URLSearchParams(a.search))
    if (leaving) window.scrollTo(0, 0)
  })
}
