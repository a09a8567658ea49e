import type { Pipeline, PipelineDisk, Stage } from '../api/types'
import type { Point } from '../ui/trend'

/** What the server said at a moment of the browser's clock, in milliseconds. */
export interface Sample {
  at: number
  pipeline: Pipeline
}

/** How often the page asks, in milliseconds. */
export const pollEvery = 2000
// Five minutes of a page that is in view.
const mostSamples = 150

/** Adds a sample. A server that started anew counts from zero, so nothing of before is comparable. */
export function add(samples: Sample[], next: Sample): Sample[] {
  const last = samples.at(-1)
  if (last && last.pipeline.startedUnixNano !== next.pipeline.startedUnixNano) return [next]
  return [...samples, next].slice(-mostSamples)
}

/** Reads a number that only grows. */
export type Pick = (p: Pipeline) => number

const noStage: Stage = { name: '', perSecond: 0, lagSeconds: 0, depth: 0, depthBytes: 0, limitBytes: 0, counters: [], lost: [] }

export const stageOf = (p: Pipeline, name: string): Stage => p.stages.find((s) => s.name === name) ?? noStage

/** The sum of a stage's counts of a name, or of those with a reason. */
export function counted(p: Pipeline, stage: string, name: string, reason?: string): number {
  let sum = 0
  for (const c of stageOf(p, stage).counters) if (c.name === name && (reason === undefined || c.reason === reason)) sum += c.value
  return sum
}

/** How fast a number grew a second over the last `span` milliseconds; undefined before there are two samples. */
export function rate(samples: Sample[], pick: Pick, span: number): number | undefined {
  const last = samples.at(-1)
  if (!last) return undefined
  // Half a poll more is the same span: timers are late now and then.
  const first = samples.find((s) => last.at - s.at <= span + pollEvery / 2)
  if (!first || first.at >= last.at) return undefined
  return Math.max(0, (pick(last.pipeline) - pick(first.pipeline)) / ((last.at - first.at) / 1000))
}

const isGap = (from: Sample, to: Sample) => to.at - from.at > 3 * pollEvery

/** The rate between each sample and the one before. */
export function rates(samples: Sample[], pick: Pick): Point[] {
  return samples.slice(1).map((s, i) => {
    const before = samples[i]
    const seconds = (s.at - before.at) / 1000
    return { at: s.at, value: seconds > 0 ? Math.max(0, (pick(s.pipeline) - pick(before.pipeline)) / seconds) : 0, gap: isGap(before, s) }
  })
}

/** A number that goes up and down, at each sample. */
export const levels = (samples: Sample[], pick: Pick): Point[] =>
  samples.map((s, i) => ({ at: s.at, value: pick(s.pipeline), gap: i > 0 && isGap(samples[i - 1], s) }))

/** Spans that came, by protocol; agents have one of their own. The most first. */
export function received(p: Pipeline): { protocol: string; value: number }[] {
  const list = stageOf(p, 'receive').counters.filter((c) => c.name === 'received').map((c) => ({ protocol: c.reason, value: c.value }))
  const agents = counted(p, 'receive', 'agents')
  if (agents > 0) list.push({ protocol: 'agent', value: agents })
  return list.sort((a, b) => b.value - a.value || (a.protocol < b.protocol ? -1 : 1))
}

export const receivedBy = (p: Pipeline, protocol: string): number =>
  protocol === 'agent' ? counted(p, 'receive', 'agents') : counted(p, 'receive', 'received', protocol)

export const receivedInAll: Pick = (p) => counted(p, 'receive', 'received') + counted(p, 'receive', 'agents')

/** The parts of the page, in the order of a span's way. */
export const parts = ['receivers', 'admission', 'log', 'pairing', 'ranges', 'store', 'rollups'] as const
export type Part = (typeof parts)[number]

/** What a loss is about: the text that explains it, where it happens, and what to change. */
export interface Kind {
  part: Part
  /** Names the texts `loss.<text>` and `loss.<text>.why`. */
  text: LossText
  /** Settings to change, as they are written in the documentation; none where the sender has to change. */
  settings: string[]
  /** Nothing is gone: it is incomplete, or comes later. */
  mild?: boolean
}

export const lossTexts = [
  'later', 'tooLarge', 'invalid', 'unsupported', 'cancelled', 'rejected', 'attributesCount', 'attributesSize', 'gaps', 'busy', 'rate',
  'spansTooLarge', 'full', 'log', 'spansCancelled', 'logFull', 'logIO', 'skipped', 'late', 'early', 'oneSided', 'failures', 'crowded', 'operations', 'edges', 'corrections', 'merges', 'other',
] as const
export type LossText = (typeof lossTexts)[number]

const kinds: Record<string, Kind> = {
  'receive.requests.later': { part: 'receivers', text: 'later', settings: ['ingest.rate', 'ingest.max_reading_bytes'] },
  'receive.requests.too_large': { part: 'receivers', text: 'tooLarge', settings: ['ingest.max_request_bytes', 'receivers.*.max_spans'] },
  'receive.requests.invalid': { part: 'receivers', text: 'invalid', settings: [] },
  'receive.requests.unsupported': { part: 'receivers', text: 'unsupported', settings: [] },
  'receive.requests.cancelled': { part: 'receivers', text: 'cancelled', settings: ['ingest.max_wait'] },
  'receive.rejected': { part: 'receivers', text: 'rejected', settings: [] },
  'receive.rejected.too_large': { part: 'receivers', text: 'rejected', settings: ['receivers.*.max_span_bytes'] },
  'receive.gaps': { part: 'receivers', text: 'gaps', settings: [] },
  'receive.attributes.count': { part: 'admission', text: 'attributesCount', settings: ['ingest.max_attributes'] },
  'receive.attributes.size': { part: 'admission', text: 'attributesSize', settings: ['ingest.max_attribute_bytes'] },
  'receive.refused.busy': { part: 'admission', text: 'busy', settings: ['ingest.max_in_flight_bytes', 'ingest.max_wait'] },
  'receive.refused.rate': { part: 'admission', text: 'rate', settings: ['ingest.rate.spans_per_second', 'ingest.rate.bytes_per_second'] },
  'receive.refused.too_large': { part: 'admission', text: 'spansTooLarge', settings: ['wal.segment_bytes', 'ingest.max_request_bytes'] },
  'receive.refused.full': { part: 'admission', text: 'full', settings: ['wal.max_bytes', 'store.max_bytes'] },
  'receive.refused.log': { part: 'admission', text: 'log', settings: ['data_dir'] },
  'receive.refused.cancelled': { part: 'admission', text: 'spansCancelled', settings: ['ingest.max_wait'] },
  'log.failures.full': { part: 'log', text: 'logFull', settings: ['wal.max_bytes', 'store.max_bytes'] },
  'log.failures.io': { part: 'log', text: 'logIO', settings: ['data_dir'] },
  'log.skipped': { part: 'log', text: 'skipped', settings: ['wal.skip_corrupt'] },
  'pair.late': { part: 'pairing', text: 'late', settings: ['collect.window'], mild: true },
  'pair.early': { part: 'pairing', text: 'early', settings: ['collect.max_waiting', 'collect.max_waiting_bytes'], mild: true },
  'pair.calls.one_sided': { part: 'pairing', text: 'oneSided', settings: ['collect.window'], mild: true },
  'store.failures': { part: 'store', text: 'failures', settings: ['store.reserve_bytes', 'data_dir'] },
  'store.crowded': { part: 'store', text: 'crowded', settings: ['store.max_bytes', 'store.retention_days'] },
  'store.overflow.operation': { part: 'rollups', text: 'operations', settings: ['collect.max_rollup_rows'], mild: true },
  'store.overflow.edge': { part: 'rollups', text: 'edges', settings: ['collect.max_rollup_rows'], mild: true },
  'store.overflow.correction': { part: 'rollups', text: 'corrections', settings: ['collect.max_rollup_rows', 'collect.window'], mild: true },
  'store.merges': { part: 'rollups', text: 'merges', settings: [] },
}

export interface Loss extends Kind {
  id: string
  reason: string
  value: number
}

const partOf: Record<string, Part> = { receive: 'admission', log: 'log', pair: 'pairing', store: 'store' }

/** What is a loss although the server counts it among what went through. */
const counters = new Set(['pair.late', 'pair.early', 'pair.calls.one_sided'])
const goodOutcomes = new Set(['ok', 'partial'])

/** All that was refused, dropped, left incomplete or failed, in the order of the way. What did not happen is left out. */
export function losses(p: Pipeline): Loss[] {
  const found: Loss[] = []
  const take = (stage: string, name: string, reason: string, value: number) => {
    if (value <= 0) return
    const id = [stage, name, reason].filter(Boolean).join('.')
    const kind = kinds[id] ?? kinds[`${stage}.${name}`] ?? { part: partOf[stage] ?? 'admission', text: 'other', settings: [] }
    found.push({ ...kind, id, reason: reason || name, value })
  }
  for (const s of p.stages) {
    for (const c of s.counters) {
      const id = [s.name, c.name, c.reason].filter(Boolean).join('.')
      if (counters.has(id) || (s.name === 'receive' && c.name === 'requests' && !goodOutcomes.has(c.reason))) take(s.name, c.name, c.reason, c.value)
    }
    for (const c of s.lost) take(s.name, c.name, c.reason, c.value)
  }
  return found.sort((a, b) => parts.indexOf(a.part) - parts.indexOf(b.part))
}

/** Reads one loss again, of any sample. */
export const lossPick = (id: string): Pick => (p) => losses(p).find((l) => l.id === id)?.value ?? 0

/** What will become of the oldest data. Days are counted from now; `at` is in milliseconds. */
export type Forecast =
  | { kind: 'unknown' }
  /** The store is as full as it may be: each new day takes the place of an old one. */
  | { kind: 'full'; keeps: number }
  /** Full before days are over. `disk` says that it is the disk that is full, not the store's limit. */
  | { kind: 'fills'; days: number; keeps: number; disk: boolean }
  /** The days limit it: the oldest goes at `at`. */
  | { kind: 'expires'; at: number; day: string }

const dayLength = 86_400_000

/** When the days of receipt of a stored day are over, in milliseconds: the end of the day and retention after it. */
export const expiry = (day: string, retentionDays: number): number => Date.parse(`${day}T00:00:00Z`) + (1 + retentionDays) * dayLength

export function forecast(d: PipelineDisk, now: number): Forecast {
  const byDisk = d.freeBytes > 0 ? d.bytes + d.freeBytes : Infinity
  const room = Math.min(d.maxBytes || Infinity, byDisk)
  const oldest = [...d.days].sort((a, b) => (a.day < b.day ? -1 : 1))[0]
  if (d.bytesPerDay > 0 && Number.isFinite(room)) {
    const days = (room - d.bytes) / d.bytesPerDay
    const keeps = room / d.bytesPerDay
    const goes = oldest ? (expiry(oldest.day, d.retentionDays) - now) / dayLength : d.retentionDays
    // A directory is a twentieth of the store: from there on the next one that is begun pushes the oldest out.
    if (d.bytes >= room * 0.95) return { kind: 'full', keeps }
    if (days < goes) return { kind: 'fills', days, keeps, disk: byDisk < (d.maxBytes || Infinity) }
  }
  if (!oldest) return { kind: 'unknown' }
  return { kind: 'expires', at: expiry(oldest.day, d.retentionDays), day: oldest.day }
}
