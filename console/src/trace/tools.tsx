/** What stands above the waterfall: find, next error, critical path, levels, legend. */
import { useEffect, useState } from 'preact/hooks'
import { formatCount } from '../format/number'
import { useText } from '../i18n'
import { update } from '../route'
import { Icon } from '../ui/icon'
import type { TraceModel } from './model'
import { writeZoom, type TraceState } from './state'

interface ToolsProps {
  model: TraceModel
  state: TraceState
  matches: number[]
  errors: number[]
  hasCritical: boolean
  chosen: number
  onStep(list: number[], by: 1 | -1): void
}

export function Tools({ model, state, matches, errors, hasCritical, chosen, onStep }: ToolsProps) {
  const t = useText()
  const [text, setText] = useState(state.find)
  useEffect(() => setText(state.find), [state.find])
  // Each letter searches the whole trace, so a moment's rest is awaited.
  useEffect(() => {
    if (text === state.find) return
    const timer = setTimeout(() => update({ q: text }, true), 180)
    return () => clearTimeout(timer)
  }, [text])
  const levels = Math.min(model.maxDepth, 6)
  const place = matches.indexOf(chosen)
  return (
    <div class="tools">
      <div class="find">
        <Icon name="search" />
        <input
          class="input"
          type="search"
          spellcheck={false}
          placeholder={t('trace.find')}
          title={t('trace.findHint')}
          aria-label={`${t('trace.find')}: ${t('trace.findHint')}`}
          value={text}
          onInput={(e) => setText(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key !== 'Enter') return
            if (text !== state.find) update({ q: text }, true)
            else onStep(matches, e.shiftKey ? -1 : 1)
          }}
        />
        {state.find && (
          <>
            <span class={`num find-count${matches.length ? '' : ' bad'}`} role="status">
              {matches.length ? (place >= 0 ? t('trace.matches', { i: formatCount(place + 1), n: formatCount(matches.length) }) : formatCount(matches.length)) : t('trace.noMatch')}
            </span>
            <button type="button" class="btn plain icon tight" disabled={!matches.length} aria-label={t('trace.prev')} title={t('trace.prev')} onClick={() => onStep(matches, -1)}><Icon name="up" /></button>
            <button type="button" class="btn plain icon tight" disabled={!matches.length} aria-label={t('trace.next')} title={t('trace.next')} onClick={() => onStep(matches, 1)}><Icon name="down" /></button>
          </>
        )}
      </div>
      {errors.length > 0 && (
        <button type="button" class="btn" title={`${t('trace.nextError')} (e)`} onClick={() => onStep(errors, 1)}>
          <span class="bad">{t('trace.nextError')}</span>
        </button>
      )}
      {hasCritical && (
        <button type="button" class="btn" aria-pressed={state.critical} title={t('trace.criticalHint')} onClick={() => update({ critical: state.critical ? null : '1' })}>
          {t('trace.critical')}
        </button>
      )}
      {levels > 1 && (
        <label class="levels">
          <span>{t('trace.levels')}</span>
          <select
            class="input"
            value={state.folding.depth === null ? '' : String(state.folding.depth)}
            onChange={(e) => update({ depth: e.currentTarget.value || null, turn: null })}
          >
            <option value="">{t('trace.allLevels')}</option>
            {Array.from({ length: levels }, (_, i) => <option key={i} value={String(i)}>{i + 1}</option>)}
          </select>
        </label>
      )}
      {state.zoom && (
        <button type="button" class="btn" onClick={() => update(writeZoom(null), true)}>
          {t('trace.resetZoom')}
        </button>
      )}
      <span class="grow" />
      <div class="legend" aria-label={t('trace.legend')}>
        <span><i class="g client" />{t('legend.client')}</span>
        <span><i class="g both" />{t('legend.server')}</span>
        <span><i class="g missing" />{t('legend.missing')}</span>
        {model.trace.errors > 0 && <span><i class="g both err" />{t('legend.error')}</span>}
        {state.critical && <span><i class="g crit" />{t('legend.critical')}</span>}
      </div>
    </div>
  )
}
