import { expect, it } from 'vitest'
import { edgeWidth, flow, layOut, type GraphEdge, type GraphNode } from './layout'

const node = (id: string): GraphNode => ({ id, label: id, kind: 'app', sub: '', errorShare: 0 })
const edge = (from: string, to: string, calls = 10): GraphEdge => ({ id: `${from}>${to}`, from, to, calls, errorShare: 0, label: `${calls}` })
const measure = (label: string, sub: string) => Math.max(label.length, sub.length) * 7

it('puts callers before callees', () => {
  const l = layOut(['a', 'b', 'c'].map(node), [edge('a', 'b'), edge('b', 'c'), edge('a', 'c')], measure)
  const x = Object.fromEntries(l.nodes.map((n) => [n.id, n.x]))
  expect(x.a).toBeLessThan(x.b)
  expect(x.b).toBeLessThan(x.c)
})

it('keeps nodes apart and inside the frame', () => {
  const names = Array.from({ length: 40 }, (_, i) => `n${i}`)
  const edges = names.slice(1).map((n, i) => edge(names[Math.floor(i / 3)], n, i + 1))
  const l = layOut(names.map(node), edges, measure)
  for (const a of l.nodes) {
    expect(a.x - a.width / 2).toBeGreaterThanOrEqual(0)
    expect(a.x + a.width / 2).toBeLessThanOrEqual(l.width)
    expect(a.y + a.height / 2).toBeLessThanOrEqual(l.height)
    for (const b of l.nodes) {
      if (a === b) continue
      expect(Math.abs(a.x - b.x) >= (a.width + b.width) / 2 || Math.abs(a.y - b.y) >= (a.height + b.height) / 2).toBe(true)
    }
  }
})

it('has room for edges that bend around the others, and for calls to itself', () => {
  const names = Array.from({ length: 6 }, (_, i) => `n${i}`)
  const l = layOut(names.map(node), names.flatMap((a) => names.map((b) => edge(a, b))), measure)
  for (const e of l.edges) {
    const ys = [...e.path.matchAll(/,(-?[\d.]+)/g)].map((m) => Number(m[1]))
    expect(Math.min(...ys)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...ys)).toBeLessThanOrEqual(l.height)
  }
})

it('draws rings, self-calls and pairs, and leaves out edges to nowhere', () => {
  const l = layOut(['a', 'b', 'c'].map(node), [edge('a', 'b'), edge('b', 'a'), edge('c', 'c'), edge('a', 'zzz')], measure)
  expect(l.edges.map((e) => e.id)).toEqual(['a>b', 'b>a', 'c>c'])
  for (const e of l.edges) {
    expect(e.path).toMatch(/^M[-\d.,C ]+$/)
    expect(e.path + e.head + e.x + e.y).not.toMatch(/NaN|undefined/)
  }
})

it('has edges grow with calls, but within bounds', () => {
  expect(edgeWidth(1, 1)).toBe(1.5)
  expect(edgeWidth(0, 1e6)).toBe(1)
  expect(edgeWidth(1e6, 1e6)).toBe(7)
  expect(edgeWidth(1e3, 1e6)).toBeLessThan(edgeWidth(1e4, 1e6))
})

it('has lines leave and arrive level', () => {
  expect(flow([{ x: 0, y: 0 }, { x: 10, y: 20 }])).toBe('M0.0,0.0C5.0,0.0 5.0,20.0 10.0,20.0')
})
