import type { PipelineDisk } from '../api/types'
import { formatBytes, formatCount } from '../format/number'
import { useText, type Translate } from '../i18n'
import { forecast } from './model'

/** How much of a limit is used; red when next to nothing is left. */
export function Meter({ label, used, of }: { label: string; used: number; of: number }) {
  const share = of > 0 ? Math.min(1, used / of) : 0
  return (
    <div class={`meter-bar${share >= 0.95 ? ' over' : ''}`} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={of} aria-valuenow={Math.min(used, of)} aria-valuetext={`${formatBytes(used)} / ${formatBytes(of)}`}>
      <i style={{ width: `${share * 100}%` }} />
    </div>
  )
}

// A number of days, as exact as a forecast is.
const about = (days: number): string => (days >= 9.95 ? String(Math.round(days)) : days >= 0.095 ? days.toFixed(1) : '<0.1')

const date = (ms: number) => new Date(ms).toISOString().slice(0, 10)

function outlook(t: Translate, d: PipelineDisk, now: number): string {
  const f = forecast(d, now)
  switch (f.kind) {
    case 'unknown':
      return t('disk.unknown')
    case 'full':
      return t('disk.full', { keeps: about(f.keeps) })
    case 'fills':
      return t(f.disk ? 'disk.fillsDisk' : 'disk.fills', { days: about(f.days), keeps: about(f.keeps) })
    case 'expires':
      return t('disk.expires', { day: f.day, at: date(f.at) })
  }
}

/** What lies on the disk, by day of receipt, and what will become of it. */
export function DiskPanel({ disk: d, now }: { disk: PipelineDisk; now: number }) {
  const t = useText()
  const byDay = new Map<string, { bytes: number; calls: number }>()
  for (const x of d.days) {
    const sum = byDay.get(x.day) ?? { bytes: 0, calls: 0 }
    byDay.set(x.day, { bytes: sum.bytes + x.bytes, calls: sum.calls + x.calls })
  }
  const days = [...byDay].sort(([a], [b]) => (a < b ? 1 : -1))
  const shown = days.slice(0, 8)
  const rest = days.slice(8)
  const most = Math.max(1, ...days.map(([, x]) => x.bytes))
  const limit = d.maxBytes > 0 ? Math.min(d.maxBytes, d.freeBytes > 0 ? d.bytes + d.freeBytes : Infinity) : d.freeBytes > 0 ? d.bytes + d.freeBytes : 0
  return (
    <section class="panel fact-panel" aria-labelledby="disk">
      <h2 id="disk">{t('disk.title')}</h2>
      <ul class="meters">
        <li title="store.max_bytes">
          <span>{t('disk.store')}</span>
          <span class="num">{limit > 0 ? `${formatBytes(d.bytes)} / ${formatBytes(limit)}` : formatBytes(d.bytes)}</span>
          {limit > 0 && <Meter label={t('disk.store')} used={d.bytes} of={limit} />}
        </li>
      </ul>
      {shown.length > 0 && (
        <table class="fact-table days">
          <thead>
            <tr>
              <th scope="col">{t('disk.day')}</th>
              <th scope="col"><span class="hidden-text">{t('disk.share')}</span></th>
              <th scope="col" class="r">{t('disk.size')}</th>
              <th scope="col" class="r">{t('col.calls')}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(([day, x]) => (
              <tr key={day}>
                <th scope="row" class="num">{day}</th>
                <td class="day-bar"><i style={{ width: `${(x.bytes / most) * 100}%` }} /></td>
                <td class="r num">{formatBytes(x.bytes)}</td>
                <td class="r num">{formatCount(x.calls)}</td>
              </tr>
            ))}
            {rest.length > 0 && (
              <tr>
                <th scope="row">{t('disk.older', { n: rest.length })}</th>
                <td />
                <td class="r num">{formatBytes(rest.reduce((n, [, x]) => n + x.bytes, 0))}</td>
                <td class="r num">{formatCount(rest.reduce((n, [, x]) => n + x.calls, 0))}</td>
              </tr>
            )}
          </tbody>
        </table>
      )}
      <p class="disk-outlook">{outlook(t, d, now)}</p>
      <p class="quiet">
        {d.bytesPerDay > 0 ? t('disk.rate', { bytes: formatBytes(d.bytesPerDay) }) : t('disk.rateUnknown')} {t('disk.retention', { days: d.retentionDays })}
      </p>
    </section>
  )
}
