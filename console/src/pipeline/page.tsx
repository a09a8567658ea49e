import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Pipeline } from '../api/types'
import { formatDuration } from '../format/duration'
import { formatBytes, formatCount, formatRate, formatShort } from '../format/number'
import { clock, dayClock, msOf } from '../format/time'
import { useText, type Key, type Translate } from '../i18n'
import { Dur } from '../ui/dur'
import { Problem } from '../ui/problem'
import { Trend, type Point } from '../ui/trend'
import { DiskPanel, Meter } from './disk'
import { counted, levels, losses, lossPick, rate, rates, received, receivedBy, receivedInAll, stageOf, type Loss, type Part, type Pick, type Sample } from './model'
import { usePolling } from './poll'

/** Rates are over ten seconds: shorter ones jump with each request. */
const rateSpan = 10_000
/** Charts grow with what is known, up to five minutes. */
const chartSpan = (samples: Sample[]) => Math.min(300_000, Math.max(60_000, samples.length ? samples[samples.length - 1].at - samples[0].at : 0))

const perSecond = (r: number | undefined) => (r === undefined ? '–' : formatRate(r, 1))

/** The way of spans through the server: what goes through each stage, what waits there, and what was lost. */
export function PipelinePage() {
  const t = useText()
  const [live, setLive] = useState(true)
  const { samples, error, again } = usePolling(live)
  useEffect(() => {
    document.title = `${t('pipe.title')} · Twinspan`
  })
  const last = samples.at(-1)
  const p = last?.pipeline
  return (
    <div class="page pipeline-page">
      {!p && !error && <div class="progress" role="progressbar" aria-label={t('state.loading')} />}
      <div class="page-head">
        <h1>{t('pipe.title')}</h1>
        {p && <Readiness p={p} away={!!error} />}
        {p && last && (
          <span class="quiet pipe-since">
            {t('pipe.since', { time: dayClock(msOf(p.startedUnixNano)).slice(0, -7), up: uptime(last.at - msOf(p.startedUnixNano)) })}
          </span>
        )}
        <span class="grow" />
        <button type="button" class="btn" aria-pressed={live} title={t('pipe.liveHint')} onClick={() => setLive(!live)}>
          <span class="live-dot" aria-hidden="true" />
          {t('range.live')}
        </button>
      </div>
      {p && last ? (
        <>
          {error && (
            <p class="panel pipe-stale" role="alert">
              <b>{t('pipe.away')}</b> {t('pipe.awaySince', { time: clock(last.at).slice(0, 8), message: error.message })}
            </p>
          )}
          <div class={error ? 'stale' : undefined}>
            {p.notReady && (
              <p class="panel pipe-stale" role="alert">
                <b>{t('pipe.notReady')}</b> {p.notReady}
              </p>
            )}
            {receivedInAll(p) === 0 && counted(p, 'receive', 'stats') === 0 && counted(p, 'receive', 'requests') === 0 && (
              <div class="panel pipe-empty">
                <h2>{t('pipe.none')}</h2>
                <p>{t('search.noneAtAllHint')}</p>
              </div>
            )}
            <Stages samples={samples} p={p} now={last.at} />
            <LossPanel samples={samples} p={p} now={last.at} />
            <div class="pipe-facts">
              <WaitPanel samples={samples} p={p} now={last.at} />
              <MemoryPanel samples={samples} p={p} now={last.at} />
              <DiskPanel disk={p.disk} now={last.at} />
            </div>
          </div>
        </>
      ) : (
        error && (
          <div class="panel">
            <Problem error={error} onRetry={again} />
          </div>
        )
      )}
    </div>
  )
}

const uptime = (ms: number) => formatDuration(Math.max(0, ms) * 1e6)

function Readiness({ p, away }: { p: Pipeline; away: boolean }) {
  const t = useText()
  const bad = away || !!p.notReady
  return <span class={`badge ready${bad ? ' bad' : ''}`}>{t(away ? 'pipe.state.away' : p.notReady ? 'pipe.state.notReady' : 'pipe.state.ready')}</span>
}

interface Fact {
  text: string
  value: ComponentChildren
  hint?: string
}

interface CardProps {
  part: Part
  span: number
  /** What the great number counts, and the number. */
  unit: string
  rate: string
  points: Point[]
  now: number
  facts: Fact[]
  lost: Loss[]
}

/** The losses of a part in one number; of things of several kinds, the gravest. */
function shortOf(part: Part, lost: Loss[]): { text: Key; value: number } | undefined {
  const kinds: [Key, Loss[]][] = [
    [part === 'receivers' || part === 'admission' ? 'pipe.refused' : 'pipe.failed', lost.filter((l) => !l.mild && !/^attributes|^gaps/.test(l.text))],
    ['pipe.dropped', lost.filter((l) => /^attributes/.test(l.text))],
    ['pipe.missed', lost.filter((l) => l.text === 'gaps')],
    ['pipe.incomplete', lost.filter((l) => l.mild)],
  ]
  const found = kinds.find(([, list]) => list.length > 0)
  return found && { text: found[0], value: found[1].reduce((n, l) => n + l.value, 0) }
}

function Card({ part, span, unit, rate: shown, points, now, facts, lost }: CardProps) {
  const t = useText()
  const sum = shortOf(part, lost)
  return (
    <li class="stage panel" aria-label={t(`pipe.part.${part}`)}>
      <h2>{t(`pipe.part.${part}`)}</h2>
      <p class="stage-rate num">
        <b>{shown}</b> <span>{unit}</span>
      </p>
      <Trend points={points} now={now} span={span} height={28} />
      <dl>
        {facts.map((f) => (
          <div key={f.text} title={f.hint}>
            <dt>{f.text}</dt>
            <dd class="num">{f.value}</dd>
          </div>
        ))}
        {sum && (
          <div class="stage-lost">
            <dt>
              <a href="#losses" onClick={(e) => { e.preventDefault(); document.getElementById('losses')?.scrollIntoView({ block: 'start' }); document.getElementById('losses')?.focus() }}>
                {t(sum.text)}
              </a>
            </dt>
            <dd class="num">{formatShort(sum.value)}</dd>
          </div>
        )}
      </dl>
    </li>
  )
}

/** How much of a store's way is waiting: bytes, and of how many where there is a limit. */
const ofLimit = (bytes: number, limit: number) => (limit > 0 ? `${formatBytes(bytes)} / ${formatBytes(limit)}` : formatBytes(bytes))

const lag = (t: Translate, seconds: number): Fact => ({ text: t('pipe.lag'), hint: t('pipe.lagHint'), value: <Dur ns={seconds * 1e9} /> })

function Stages({ samples, p, now }: { samples: Sample[]; p: Pipeline; now: number }) {
  const t = useText()
  const lost = losses(p)
  const span = chartSpan(samples)
  const of = (part: Part) => lost.filter((l) => l.part === part)
  const [receive, log, pair, store] = ['receive', 'log', 'pair', 'store'].map((name) => stageOf(p, name))
  const now10 = (pick: Pick, before?: number) => perSecond(rate(samples, pick, rateSpan) ?? before)
  const draw = (pick: Pick) => rates(samples, pick)
  const halves: Pick = (x) => counted(x, 'receive', 'halves')
  const records: Pick = (x) => counted(x, 'log', 'records')
  const bytes: Pick = (x) => counted(x, 'log', 'bytes')
  const calls: Pick = (x) => counted(x, 'pair', 'calls')
  const stored: Pick = (x) => counted(x, 'store', 'calls')
  const merges: Pick = (x) => counted(x, 'store', 'merges')
  const total = (pick: Pick): Fact => ({ text: t('pipe.total'), value: formatShort(pick(p)), hint: formatCount(pick(p)) })
  const one = counted(p, 'pair', 'calls', 'one_sided')
  return (
    <ol class="stages" aria-label={t('pipe.stages')}>
      <Card span={span}
        part="receivers" unit={t('pipe.spansPerS')} rate={now10(receivedInAll, receive.perSecond)} points={draw(receivedInAll)} now={now} lost={of('receivers')}
        facts={[total(receivedInAll), ...received(p).slice(0, 6).map((r) => ({ text: r.protocol === 'agent' ? t('pipe.agents') : r.protocol, value: `${now10((x) => receivedBy(x, r.protocol))}/s`, hint: formatCount(r.value) }))]}
      />
      <Card span={span}
        part="admission" unit={t('pipe.spansPerS')} rate={now10(halves, receive.perSecond)} points={draw(halves)} now={now} lost={of('admission')}
        facts={[
          total(halves), { text: t('pipe.stats'), value: formatShort(counted(p, 'receive', 'stats')) },
          { text: t('pipe.resent'), value: formatShort(counted(p, 'receive', 'resent')), hint: t('pipe.resentHint') },
          { text: t('pipe.inMemory'), value: formatBytes(receive.depthBytes) },
        ]}
      />
      <Card span={span}
        part="log" unit={t('pipe.recordsPerS')} rate={now10(records, log.perSecond)} points={draw(bytes)} now={now} lost={of('log')}
        facts={[
          total(records), { text: t('pipe.written'), value: `${formatBytes(rate(samples, bytes, rateSpan) ?? 0)}/s`, hint: formatBytes(bytes(p)) },
          { text: t('pipe.queued'), value: formatBytes(log.depthBytes) }, { text: t('pipe.onDisk'), value: formatBytes(p.disk.logBytes) },
        ]}
      />
      <Card span={span}
        part="pairing" unit={t('pipe.callsPerS')} rate={now10(calls, pair.perSecond)} points={draw(calls)} now={now} lost={of('pairing')}
        facts={[
          total(calls), { text: t('pipe.joined'), value: formatShort(counted(p, 'pair', 'calls', 'joined')), hint: t('pipe.joinedHint') },
          ...(one ? [] : [{ text: t('pipe.oneSided'), value: '0' }]),
          { text: t('pipe.waiting'), value: formatShort(pair.depth), hint: t('pipe.waitingHint') }, lag(t, pair.lagSeconds),
        ]}
      />
      <Card span={span}
        part="ranges" unit={t('pipe.openCalls')} rate={formatShort(store.depth)} points={levels(samples, (x) => stageOf(x, 'store').depth)} now={now} lost={of('ranges')}
        facts={[
          { text: t('pipe.cut'), value: formatShort(counted(p, 'store', 'cut')), hint: t('pipe.cutHint') },
          { text: t('pipe.inMemory'), value: formatBytes(store.depthBytes) }, lag(t, store.lagSeconds),
        ]}
      />
      <Card span={span}
        part="store" unit={t('pipe.callsPerS')} rate={formatRate(store.perSecond, 1)} points={draw(stored)} now={now} lost={of('store')}
        facts={[
          total(stored), { text: t('pipe.ranges'), value: formatShort(counted(p, 'store', 'ranges')) },
          { text: t('pipe.onDisk'), value: formatBytes(p.disk.bytes) }, { text: t('pipe.expired'), value: formatShort(counted(p, 'store', 'expired')), hint: t('pipe.expiredHint') },
        ]}
      />
      <Card span={span}
        part="rollups" unit={t('pipe.callsPerS')} rate={formatRate(store.perSecond, 1)} points={draw(stored)} now={now} lost={of('rollups')}
        facts={[{ text: t('pipe.indexed'), value: formatShort(stored(p)), hint: t('pipe.indexedHint') }, { text: t('pipe.sums'), value: formatShort(merges(p)), hint: t('pipe.sumsHint') }]}
      />
    </ol>
  )
}

function LossPanel({ samples, p, now }: { samples: Sample[]; p: Pipeline; now: number }) {
  const t = useText()
  const all = losses(p)
  const groups: [Key, Loss[]][] = [
    ['pipe.lossGrave', all.filter((l) => !l.mild)],
    ['pipe.lossMild', all.filter((l) => l.mild)],
  ]
  return (
    <section class="panel losses" aria-labelledby="losses">
      <h2 id="losses" tabIndex={-1}>{t('pipe.losses')}</h2>
      {groups[0][1].length === 0 && <p class="losses-none">{t('pipe.lossNone')}</p>}
      {all.length > 0 && (
        <table class="grid">
          <thead>
            <tr>
              <th scope="col">{t('pipe.what')}</th>
              <th scope="col" class="r">{t('pipe.sinceStart')}</th>
              <th scope="col" class="r">{t('pipe.now')}</th>
              <th scope="col" class="loss-trend">{t('pipe.minutes')}</th>
              <th scope="col">{t('pipe.meaning')}</th>
              <th scope="col">{t('pipe.setting')}</th>
            </tr>
          </thead>
          {groups.map(
            ([title, list]) =>
              list.length > 0 && (
                <tbody key={title}>
                  <tr class="loss-group">
                    <th scope="rowgroup" colSpan={6}>{t(title)}</th>
                  </tr>
                  {list.map((l) => (
                    <LossRow key={l.id} loss={l} samples={samples} now={now} />
                  ))}
                </tbody>
              ),
          )}
        </table>
      )}
    </section>
  )
}

function LossRow({ loss: l, samples, now }: { loss: Loss; samples: Sample[]; now: number }) {
  const t = useText()
  const pick = useMemo(() => lossPick(l.id), [l.id])
  const r = rate(samples, pick, rateSpan)
  return (
    <tr>
      <th scope="row" class="loss-name">
        {t(`loss.${l.text}`, { reason: l.reason })}
        <small>{t(`pipe.part.${l.part}`)}</small>
      </th>
      <td class="r num bad" data-label={t('pipe.sinceStart')}>{l.text === 'gaps' ? formatBytes(l.value) : formatCount(l.value)}</td>
      <td class={`r num${r ? ' bad' : ' quiet'}`} data-label={t('pipe.now')}>{r === undefined ? '–' : l.text === 'gaps' ? `${formatBytes(r)}/s` : `${formatRate(r, 1)}/s`}</td>
      <td class="loss-trend"><Trend points={rates(samples, pick)} now={now} span={chartSpan(samples)} height={18} bad /></td>
      <td class="loss-why">{t(`loss.${l.text}.why`)}</td>
      <td class="loss-set">{l.settings.length ? l.settings.map((s) => <code key={s}>{s}</code>) : <span class="quiet">{t(l.text === 'merges' || l.text === 'other' ? 'pipe.seeLog' : 'pipe.atSender')}</span>}</td>
    </tr>
  )
}

function WaitPanel({ samples, p, now }: { samples: Sample[]; p: Pipeline; now: number }) {
  const t = useText()
  const short = p.windowSeconds < p.configuredWindowSeconds * 0.999
  const sync = (s: number) => (s > 0 ? <Dur ns={s * 1e9} /> : <span class="quiet">–</span>)
  const rows: { text: string; hint: string; value: ComponentChildren; points: Point[] }[] = [
    { text: t('pipe.sync50'), hint: t('pipe.syncHint'), value: sync(p.syncP50Seconds), points: levels(samples, (x) => x.syncP50Seconds) },
    { text: t('pipe.sync99'), hint: t('pipe.syncHint'), value: sync(p.syncP99Seconds), points: levels(samples, (x) => x.syncP99Seconds) },
    { text: t('pipe.pairLag'), hint: t('pipe.pairLagHint'), value: <Dur ns={stageOf(p, 'pair').lagSeconds * 1e9} />, points: levels(samples, (x) => stageOf(x, 'pair').lagSeconds) },
    { text: t('pipe.storeLag'), hint: t('pipe.storeLagHint'), value: <Dur ns={stageOf(p, 'store').lagSeconds * 1e9} />, points: levels(samples, (x) => stageOf(x, 'store').lagSeconds) },
    { text: t('pipe.window'), hint: t('pipe.windowHint'), value: <Dur ns={p.windowSeconds * 1e9} />, points: levels(samples, (x) => x.windowSeconds) },
  ]
  return (
    <section class="panel fact-panel" aria-labelledby="waits">
      <h2 id="waits">{t('pipe.waits')}</h2>
      <table class="fact-table">
        <tbody>
          {rows.map((r) => (
            <tr key={r.text} title={r.hint}>
              <th scope="row">{r.text}</th>
              <td class="fact-trend"><Trend points={r.points} now={now} span={chartSpan(samples)} height={18} /></td>
              <td class="r num">{r.value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class={short ? undefined : 'quiet'}>
        {short ? t('pipe.windowShort', { set: formatDuration(p.configuredWindowSeconds * 1e9) }) : t('pipe.windowFull')}
      </p>
    </section>
  )
}

function MemoryPanel({ samples, p, now }: { samples: Sample[]; p: Pipeline; now: number }) {
  const t = useText()
  const of = (name: string) => stageOf(p, name)
  const rows = [
    { text: t('pipe.mem.receive'), used: of('receive').depthBytes, limit: of('receive').limitBytes, setting: 'ingest.max_reading_bytes + max_in_flight_bytes' },
    { text: t('pipe.mem.pair'), used: of('pair').depthBytes, limit: of('pair').limitBytes, setting: 'collect.max_waiting_bytes' },
    { text: t('pipe.mem.ranges'), used: of('store').depthBytes, limit: of('store').limitBytes, setting: 'collect.range_bytes' },
    { text: t('pipe.mem.process'), used: p.process.residentBytes, limit: p.process.limitBytes, setting: 'memory.limit_bytes' },
  ]
  const cpu = rate(samples, (x) => x.process.cpuSeconds, rateSpan)
  return (
    <section class="panel fact-panel" aria-labelledby="memory">
      <h2 id="memory">{t('pipe.memory')}</h2>
      <ul class="meters">
        {rows.map((r) => (
          <li key={r.text} title={r.setting}>
            <span>{r.text}</span>
            <span class="num">{r.limit > 0 ? ofLimit(r.used, r.limit) : `${formatBytes(r.used)} · ${t('pipe.noLimit')}`}</span>
            {r.limit > 0 && <Meter label={r.text} used={r.used} of={r.limit} />}
          </li>
        ))}
      </ul>
      <p class="quiet num">
        {t('pipe.process', { heap: formatBytes(p.process.heapBytes), cpu: cpu === undefined ? '–' : cpu.toFixed(2), go: formatCount(p.process.goroutines) })}
      </p>
      <Trend points={levels(samples, (x) => x.process.residentBytes)} now={now} span={chartSpan(samples)} height={28} limit={p.process.limitBytes} label={t('pipe.memTrend')} />
    </section>
  )
}
