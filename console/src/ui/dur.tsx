import { splitDuration } from '../format/duration'

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
