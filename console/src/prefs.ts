import { useEffect, useState } from 'preact/hooks'

/** What this browser remembers about its user: looks, never the state of a page (that is in the URL). */

/** A remembered text, or null. */
export function stored(key: string): string | null {
  try {
    return localStorage.getItem(`twinspan.${key}`)
  } catch {
    return null
  }
}

/** Remembers a text; null forgets it. */
export function store(key: string, value: string | null) {
  try {
    if (value === null) localStorage.removeItem(`twinspan.${key}`)
    else localStorage.setItem(`twinspan.${key}`, value)
  } catch {
    // Storage may be forbidden or full: the choice then lasts as long as the page.
  }
}

/** A value that components follow. */
export class Store<T> {
  private listeners = new Set<() => void>()
  constructor(private value: T) {}
  get = () => this.value
  set = (value: T) => {
    if (value === this.value) return
    this.value = value
    for (const l of [...this.listeners]) l()
  }
  use = (): T => {
    const [value, setValue] = useState(this.value)
    useEffect(() => {
      const listener = () => setValue(() => this.value)
      this.listeners.add(listener)
      listener()
      return () => void this.listeners.delete(listener)
    }, [])
    return value
  }
}

export type Theme = 'system' | 'light' | 'dark'
export type Lang = 'en' | 'zh'

const storedTheme = stored('theme')
export const theme = new Store<Theme>(storedTheme === 'light' || storedTheme === 'dark' ? storedTheme : 'system')

export function setTheme(t: Theme) {
  store('theme', t === 'system' ? null : t)
  if (t === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = t
  theme.set(t)
}

const browserLang = (): Lang => (typeof navigator !== 'undefined' && /^zh/i.test(navigator.language ?? '') ? 'zh' : 'en')
const storedLang = typeof localStorage === 'undefined' ? null : stored('lang')
export const lang = new Store<Lang>(storedLang === 'zh' || storedLang === 'en' ? storedLang : browserLang())

export function setLang(l: Lang) {
  store('lang', l)
  document.documentElement.lang = l === 'zh' ? 'zh-CN' : 'en'
  lang.set(l)
}

/** A remembered number, such as the height of a panel. */
export function rememberedNumber(key: string, fallback: number): [() => number, (n: number) => void] {
  return [() => Number(stored(key)) || fallback, (n) => store(key, String(Math.round(n)))]
}

/** A remembered list of texts. What is stored may be anything: what isn't such a list counts as empty. */
export function rememberedList(key: string): [() => string[], (list: string[]) => void] {
  return [
    () => {
      try {
        const list: unknown = JSON.parse(stored(key) ?? '[]')
        return Array.isArray(list) ? list.filter((x) => typeof x === 'string') : []
      } catch {
        return []
      }
    },
    (list) => store(key, list.length ? JSON.stringify(list) : null),
  ]
}
