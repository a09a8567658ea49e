import { useState } from 'preact/hooks'

/** The handle between names and time. */
export function Splitter({ onMove, onKey }: { onMove(x: number): void; onKey(by: number): void }) {
  const [held, setHeld] = useState(false)
  return (
    <div
      class={`splitter${held ? ' held' : ''}`}
      role="separator"
      aria-orientation="vertical"
      tabIndex={0}
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId)
        setHeld(true)
        e.preventDefault()
      }}
      onPointerMove={(e) => held && onMove(e.clientX)}
      onPointerUp={() => setHeld(false)}
      onPointerCancel={() => setHeld(false)}
      onKeyDown={(e) => {
        if (e.key === 'ArrowLeft') onKey(-2)
        else if (e.key === 'ArrowRight') onKey(2)
      }}
    />
  )
}
