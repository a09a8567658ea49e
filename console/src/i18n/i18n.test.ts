import { expect, it } from 'vitest'
import { translate, spanText, type Key } from './index'
import { en } from './en'
import { zh } from './zh'

const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort()

it('has every text in both languages with the same values to fill in', () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort())
  for (const key of Object.keys(en) as Key[]) {
    expect(holes(zh[key]), key).toEqual(holes(en[key]))
    expect(zh[key].trim(), key).not.toBe('')
  }
})

it('fills values in', () => {
  expect(translate('en', 'topo.nodes', { n: 3 })).toBe('3 nodes')
  expect(translate('zh', 'topo.nodes', { n: 3 })).toBe('3 个节点')
  const t = (key: Key, v?: Record<string, string | number>) => translate('en', key, v)
  expect(['-5m', '-1h', '-3h', '-24h', '-1d', '-7d'].map((s) => spanText(t, s))).toEqual(['5 min', '1 hour', '3 hours', '24 hours', '1 day', '7 days'])
})
