import { Store, stored, store } from './prefs'

/**
 * Who this browser is to the server: the token that it shows, and the tenant that it asks for. The token stays in the tab;
 * the tenant is in the URL, and remembered for a URL that has none.
 */

/** What the server says of tenants at /api/v1/tenants. */
export interface Tenants {
  tenants: string[]
  /** The tenant of requests that name none; '' where they are refused. */
  unnamed: string
  /** The header that names one; '' where there is no choice. */
  header: string
}

const tab = typeof sessionStorage === 'undefined' ? undefined : sessionStorage
const key = 'twinspan.token'

function read(): string {
  try {
    return tab?.getItem(key) ?? ''
  } catch {
    return ''
  }
}

export const token = new Store(read())

export function setToken(text: string) {
  try {
    if (text) tab?.setItem(key, text)
    else tab?.removeItem(key)
  } catch {
    // Storage may be forbidden: the token then lasts as long as the page.
  }
  token.set(text)
}

/** Why a token is asked for; undefined while none is. */
export const wanted = new Store<'none' | 'refused' | undefined>(undefined)

/** The server answered 401 to a request with a token, or '' for none. An answer that comes late says nothing of a newer one. */
export function refused(shown: string) {
  if (shown === token.get()) wanted.set(shown ? 'refused' : 'none')
}

const fromURL = typeof window === 'undefined' ? '' : new URLSearchParams(window.location.search).get('tenant')

/** The tenant of this page, '' for the one that the server takes by itself. It is fixed with the page's loading. */
export const tenant = fromURL || (typeof localStorage === 'undefined' ? '' : (stored('tenant') ?? ''))
if (fromURL) store('tenant', fromURL)

/** Loads the console anew for another tenant, so that nothing of the present one stays. */
export function setTenant(name: string) {
  store('tenant', name)
  const url = new URL(window.location.href)
  const next = new URLSearchParams()
  for (const frame of ['from', 'to']) {
    const value = url.searchParams.get(frame)
    if (value) next.set(frame, value)
  }
  next.set('tenant', name)
  window.location.assign(`${url.pathname.startsWith('/trace') ? '/' : url.pathname}?${next}`)
}

/** What the server said of tenants, once it did. */
export const tenants = new Store<Tenants | undefined>(undefined)

let asked: Promise<Tenants> | undefined

const alone: Tenants = { tenants: [], unnamed: '', header: '' }

/** Asks which tenants there are for this token. What cannot be asked is as good as no choice. */
export function askTenants(again = false): Promise<Tenants> {
  if (asked && !again) return asked
  const shown = token.get()
  asked = fetch('/api/v1/tenants', { headers: { Accept: 'application/json', ...bearer() } })
    .then(async (response) => {
      if (response.status === 401) refused(shown)
      return response.ok ? ((await response.json()) as Tenants) : alone
    })
    .catch(() => {
      asked = undefined // the next one asks again
      return alone
    })
  void asked.then((t) => {
    tenants.set(t)
    if (t.header && !t.unnamed && !tenant && t.tenants.length) setTenant(t.tenants[0])
  })
  return asked
}

function bearer(): Record<string, string> {
  return token.get() ? { Authorization: `Bearer ${token.get()}` } : {}
}

/** The headers of a request to the API. */
export async function headers(): Promise<Record<string, string>> {
  if (!tenant) return bearer()
  const { header } = await askTenants()
  return header ? { ...bearer(), [header]: tenant } : bearer()
}
