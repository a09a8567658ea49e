import { splitDuration } from '../format/duration'

/** A percentile: 0 stands for "not known" in the API. */
export function Percentile({ ns, aligned }: { ns: number; aligned?: boolean }) {
  if (ns > 0) return <Dur ns={ns} aligned={aligned} />
  return <span class={`dur quiet${aligned ? ' aligned' : ''}`}>–{aligned && <i />}</span>
}

/** A duration with its unit in quiet type. `aligned` gives the unit a column of its own, for lists. */
export function Dur({ ns, aligned, class: extra }: { ns: number; aligned?: boolean; class?: string }) {
  const { value, unit } = splitDuration(ns)
  return (
    <span class={`dur${aligned ? ' aligned' : ''}${extra ? ` ${extra}` : ''}`}>
      {value}
      <i>{unit}</i>
    </span>
  )
}
