import { useState } from 'preact/hooks'
import { api } from '../api/client'
import type { CallType } from '../api/types'
import { useQuery } from '../api/use-query'
import { goDuration, parseDuration } from '../format/duration'
import { formatShort } from '../format/number'
import { useText } from '../i18n'
import { update } from '../route'
import { apiRange } from '../timerange'
import { Combobox } from '../ui/combobox'
import { Icon } from '../ui/icon'
import { Segmented } from '../ui/segmented'
import { TextField } from '../ui/text-field'
import { acceptTag, filterCount, filterKeys, structureKeys, type FilterKey, type SearchState, type StructureKey } from './state'

const types: CallType[] = ['http', 'rpc', 'db', 'cache', 'mq', 'internal']

// Suggestions may be a minute old.
const recent = (_: unknown, at: number) => Date.now() - at < 60_000

/** Duration text as the user wrote it, made exact: "50" → "50ms". */
function acceptDuration(text: string): string | null {
  const ns = parseDuration(text)
  return ns === null ? null : goDuration(ns)
}

export function Filters({ state }: { state: SearchState }) {
  const t = useText()
  const [wanted, setWanted] = useState(false)
  const { filters: f, structure, tags } = state
  const range = apiRange(state.range)
  const frame = `${range.from}/${range.to}`
  const apps = useQuery(wanted ? `apps ${frame}` : null, (s) => api.apps(range, s), { final: recent })
  const app = f.callee ?? f.app ?? ''
  const ops = useQuery(wanted ? `ops ${app} ${frame}` : null, (s) => api.operations({ app, ...range }, s), { final: recent })

  const set = (key: FilterKey | StructureKey) => (value: string) => update({ [key]: value || null })
  const appNames = (apps.data ?? []).map((a) => ({ value: a.name, hint: formatShort(a.calls) }))
  const callers = (apps.data ?? []).filter((a) => a.kind === 'app' || a.kind === 'external').map((a) => ({ value: a.name, hint: formatShort(a.calls) }))
  const open = () => setWanted(true)
  const clear = () => update(Object.fromEntries([...filterKeys, ...structureKeys, 'tag', 'scope'].map((k) => [k, null])))

  return (
    <div class="filters">
      <div class="filters-head">
        <h2>{t('filter.title')}</h2>
        {filterCount(state) > 0 && (
          <button type="button" class="btn plain tight" onClick={clear}>
            {t('filter.clear')}
          </button>
        )}
      </div>
      <Combobox label={t('filter.caller')} value={f.caller ?? ''} placeholder={t('filter.any')} suggestions={callers} onChange={set('caller')} onOpen={open} />
      <Combobox label={t('filter.callee')} value={f.callee ?? ''} placeholder={t('filter.any')} suggestions={appNames} onChange={set('callee')} onOpen={open} />
      <Combobox label={t('filter.operation')} value={f.operation ?? ''} placeholder={t('filter.any')} suggestions={(ops.data?.operations ?? []).map((o) => ({ value: o.name, hint: formatShort(o.calls) }))} onChange={set('operation')} onOpen={open} />
      <Combobox label={t('filter.app')} value={f.app ?? ''} placeholder={t('filter.any')} suggestions={appNames} onChange={set('app')} onOpen={open} />
      <div class="field">
        <span class="label" id="f-error">{t('filter.outcome')}</span>
        <Segmented
          label={t('filter.outcome')}
          value={f.error ?? ''}
          options={[{ value: '', text: t('filter.all') }, { value: 'false', text: t('filter.ok') }, { value: 'true', text: t('filter.failed') }]}
          onChange={set('error')}
        />
      </div>
      <div class="field">
        <span class="label">{t('filter.loadTest')}</span>
        <Segmented
          label={t('filter.loadTest')}
          value={f.loadTest ?? ''}
          options={[{ value: '', text: t('filter.all') }, { value: 'false', text: t('filter.real') }, { value: 'true', text: t('filter.loadTestOnly') }]}
          onChange={set('loadTest')}
        />
      </div>
      <div class="field">
        <span class="label">{t('filter.duration')}</span>
        <div class="pair">
          <TextField label={t('filter.minLabel')} hideLabel value={f.minDuration ?? ''} placeholder={t('filter.min')} accept={acceptDuration} problem={t('filter.badDuration')} onChange={set('minDuration')} />
          <TextField label={t('filter.maxLabel')} hideLabel value={f.maxDuration ?? ''} placeholder={t('filter.max')} accept={acceptDuration} problem={t('filter.badDuration')} onChange={set('maxDuration')} />
        </div>
      </div>
      <div class="field">
        <label for="f-type">{t('filter.type')}</label>
        <select id="f-type" class="input" value={f.type ?? ''} onChange={(e) => set('type')(e.currentTarget.value)}>
          <option value="">{t('filter.any')}</option>
          {types.map((type) => (
            <option key={type} value={type}>
              {t(`type.${type}`)}
            </option>
          ))}
        </select>
      </div>
      <div class="pair">
        <TextField label={t('filter.address')} value={f.address ?? ''} placeholder={t('filter.addressHint')} onChange={set('address')} />
        <TextField label={t('filter.resultCode')} value={f.resultCode ?? ''} placeholder={t('filter.any')} onChange={set('resultCode')} />
      </div>
      <div class="field">
        <TextField
          gathers
          label={t('filter.tags')}
          value=""
          placeholder={t('filter.tagHint')}
          accept={acceptTag}
          onChange={(tag) => update({ tag: [...new Set([...tags, tag])] })}
        />
        {tags.length > 0 && (
          <ul class="tags">
            {tags.map((tag) => (
              <li key={tag} class="tag">
                <span class="mono cut" title={tag}>{tag}</span>
                <button type="button" class="btn plain icon tight" aria-label={t('filter.removeTag', { tag })} onClick={() => update({ tag: tags.filter((x) => x !== tag) })}>
                  <Icon name="close" />
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
      <fieldset class="structure">
        <legend>{t('filter.structure')}</legend>
        <Combobox label={t('filter.through')} value={structure.through ?? ''} placeholder={t('filter.any')} suggestions={callers.filter((c) => c.value !== 'external')} onChange={set('through')} onOpen={open} />
        <Combobox label={t('filter.rootApp')} value={structure.rootApp ?? ''} placeholder={t('filter.any')} suggestions={callers.filter((c) => c.value !== 'external')} onChange={set('rootApp')} onOpen={open} />
        <label class="check">
          <input type="checkbox" checked={structure.ancestorError === 'true'} onChange={(e) => set('ancestorError')(e.currentTarget.checked ? 'true' : '')} />
          {t('filter.ancestorError')}
        </label>
      </fieldset>
    </div>
  )
}
