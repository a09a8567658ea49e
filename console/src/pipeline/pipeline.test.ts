import { describe, expect, it } from 'vitest'
import { en } from '../i18n/en'
import type { Pipeline, PipelineDisk, Stage, StageCount } from '../api/types'
import { add, counted, forecast, levels, losses, lossPick, lossTexts, pollEvery, rate, rates, received, receivedInAll, type Sample } from './model'

const stage = (name: string, counters: StageCount[], lost: StageCount[] = []): Stage => ({ name, perSecond: 0, lagSeconds: 0, depth: 0, depthBytes: 0, limitBytes: 0, counters, lost })
const count = (name: string, value: number, reason = ''): StageCount => ({ name, reason, value })
const disk = (d: Partial<PipelineDisk> = {}): PipelineDisk => ({ bytes: 0, logBytes: 0, maxBytes: 0, freeBytes: 0, retentionDays: 7, days: [], bytesPerDay: 0, forecastDays: 7, ...d })

const pipeline = (stages: Stage[], started = '1'): Pipeline => ({
  startedUnixNano: started, stages, windowSeconds: 10, configuredWindowSeconds: 10, syncSeconds: 0, syncP50Seconds: 0, syncP99Seconds: 0,
  disk: disk(), process: { residentBytes: 0, heapBytes: 0, cpuSeconds: 0, goroutines: 0, limitBytes: 0 }, notReady: '',
})
const at = (seconds: number, halves: number, started = '1'): Sample => ({ at: seconds * 1000, pipeline: pipeline([stage('receive', [count('halves', halves)])], started) })
const halves = (p: Pipeline) => counted(p, 'receive', 'halves')

describe('rates', () => {
  it('needs two samples', () => {
    expect(rate([], halves, 10_000)).toBeUndefined()
    expect(rate([at(0, 5)], halves, 10_000)).toBeUndefined()
  })
  it('is what a number grew by a second, over no more than the span', () => {
    expect(rate([at(0, 100), at(2, 300)], halves, 10_000)).toBe(100)
    expect(rate([at(0, 0), at(50, 0), at(58, 80), at(60, 100)], halves, 10_000)).toBe(10)
  })
  it('is unknown, not old, after a long pause', () => expect(rate([at(0, 0), at(60, 600)], halves, 10_000)).toBeUndefined())
  it('starts anew with the server', () => {
    const samples = add([at(0, 900), at(2, 1000)], at(4, 7, '2'))
    expect(samples).toHaveLength(1)
    expect(rate(samples, halves, 10_000)).toBeUndefined()
  })
  it('keeps five minutes', () => {
    let samples: Sample[] = []
    for (let i = 0; i < 500; i++) samples = add(samples, at(i * 2, i))
    expect(samples).toHaveLength(150)
    expect(samples.at(-1)?.at).toBe(998_000)
  })
  it('draws what lies between samples, and says where it was not looked', () => {
    expect(rates([at(0, 0), at(2, 20), at(60, 20)], halves)).toEqual([
      { at: 2000, value: 10, gap: false },
      { at: 60_000, value: 0, gap: true },
    ])
    expect(levels([at(0, 3), at(pollEvery / 1000, 1)], halves).map((p) => p.value)).toEqual([3, 1])
  })
})

describe('what came and what was lost', () => {
  const p = pipeline([
    stage(
      'receive',
      [count('halves', 70), count('requests', 5, 'ok'), count('requests', 2, 'later'), count('requests', 1, 'partial'), count('received', 40, 'zipkin'), count('received', 50, 'otlp/http'), count('agents', 10)],
      [count('refused', 9, 'rate'), count('refused', 0, 'busy'), count('rejected', 3, 'span_id'), count('rejected', 1, 'too_large')],
    ),
    stage('pair', [count('calls', 20, 'joined'), count('calls', 4, 'one_sided'), count('late', 2), count('early', 0)]),
    stage('store', [count('calls', 20)], [count('failures', 0), count('overflow', 8, 'edge'), count('overflow', 0, 'operation'), count('new', 6, 'unheard of')]),
  ])
  it('lists protocols, agents among them', () => {
    expect(received(p)).toEqual([{ protocol: 'otlp/http', value: 50 }, { protocol: 'zipkin', value: 40 }, { protocol: 'agent', value: 10 }])
    expect(receivedInAll(p)).toBe(100)
  })
  it('finds each loss once, in the order of the way, with what to change', () => {
    expect(losses(p).map((l) => [l.id, l.part, l.text, l.value, l.mild ?? false])).toEqual([
      ['receive.requests.later', 'receivers', 'later', 2, false],
      ['receive.rejected.span_id', 'receivers', 'rejected', 3, false],
      ['receive.rejected.too_large', 'receivers', 'rejected', 1, false],
      ['receive.refused.rate', 'admission', 'rate', 9, false],
      ['pair.calls.one_sided', 'pairing', 'oneSided', 4, true],
      ['pair.late', 'pairing', 'late', 2, true],
      ['store.new.unheard of', 'store', 'other', 6, false],
      ['store.overflow.edge', 'rollups', 'edges', 8, true],
    ])
    expect(losses(p).find((l) => l.text === 'rate')?.settings).toContain('ingest.rate.spans_per_second')
    expect(lossPick('receive.refused.rate')(p)).toBe(9)
    expect(lossPick('receive.refused.busy')(p)).toBe(0)
  })
  it('has words for each kind', () => {
    for (const text of lossTexts) expect([en[`loss.${text}`], en[`loss.${text}.why`]].every(Boolean), text).toBe(true)
  })
})

describe('the forecast', () => {
  const now = Date.parse('2026-03-10T12:00:00Z')
  const G = 2 ** 30
  const days = [{ day: '2026-03-09', calls: 1, bytes: G }, { day: '2026-03-08', calls: 1, bytes: G }]
  it('knows nothing of an empty store', () => expect(forecast(disk(), now)).toEqual({ kind: 'unknown' }))
  it('says when the oldest day goes', () => {
    const at = Date.parse('2026-03-16T00:00:00Z')
    expect(forecast(disk({ days }), now)).toEqual({ kind: 'expires', at, day: '2026-03-08' })
    expect(forecast(disk({ days, bytes: 2 * G, maxBytes: 100 * G, bytesPerDay: G }), now)).toEqual({ kind: 'expires', at, day: '2026-03-08' })
  })
  it('says when it is full before that, by the limit or by the disk', () => {
    expect(forecast(disk({ days, bytes: 2 * G, maxBytes: 10 * G, freeBytes: 500 * G, bytesPerDay: 2 * G }), now)).toEqual({ kind: 'fills', days: 4, keeps: 5, disk: false })
    expect(forecast(disk({ days, bytes: 2 * G, freeBytes: 2 * G, bytesPerDay: 4 * G }), now)).toEqual({ kind: 'fills', days: 0.5, keeps: 1, disk: true })
  })
  it('says what is kept once it is full', () => expect(forecast(disk({ days, bytes: 9.8 * G, maxBytes: 10 * G, bytesPerDay: 2 * G }), now)).toEqual({ kind: 'full', keeps: 5 }))
})
