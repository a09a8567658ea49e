import { lang, type Lang } from '../prefs'
import { en, type Key } from './en'
import { zh } from './zh'

export type { Key }
export type Translate = (key: Key, values?: Record<string, string | number>) => string

const dictionaries: Record<Lang, Record<Key, string>> = { en, zh }

export function translate(l: Lang, key: Key, values?: Record<string, string | number>): string {
  const text = dictionaries[l][key]
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole)) : text
}

/** The texts of the chosen language; the component follows when it changes. */
export function useText(): Translate {
  const l = lang.use()
  return (key, values) => translate(l, key, values)
}

/** "15 min", "1 hour", "7 days" for "-15m", "-1h", "-7d". */
export function spanText(t: Translate, relative: string): string {
  const m = /^-(\d+)([mhd])$/.exec(relative)
  if (!m) return relative.replace(/^-/, '')
  const n = Number(m[1])
  if (m[2] === 'm') return t('span.m', { n })
  if (m[2] === 'h') return n === 1 ? t('span.h1') : t('span.h', { n })
  return n === 1 ? t('span.d1') : t('span.d', { n })
}
