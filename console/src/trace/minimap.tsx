import { useEffect, useRef, useState } from 'preact/hooks'
import { useText } from '../i18n'
import { prepare, readColours, useThemeVersion } from '../ui/canvas'
import { useSize } from '../ui/size'
import type { TraceModel } from './model'
import { laneLeft, laneRight } from './lane'

const height = 44

/** The whole trace at a glance; a drag chooses the part that the waterfall shows, a double click all of it. */
export function Minimap({ model, zoom, left, onZoom }: { model: TraceModel; zoom: [number, number] | null; left: number; onZoom(z: [number, number] | null): void }) {
  const t = useText()
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width } = useSize(box)
  const version = useThemeVersion()
  const [drag, setDrag] = useState<[number, number] | null>(null)
  const lane = Math.max(width - laneLeft - laneRight, 40)

  useEffect(() => {
    if (!canvas.current || !width) return
    const c = readColours(['accent', 'accent-edge', 'bad'])
    const g = prepare(canvas.current, width, height)
    const { rows, extent } = model
    const k = lane / extent
    // Small traces get bars, large ones lines; of rows that share a pixel line the failed ones stay on top.
    const h = Math.min(4, Math.max(1, (height - 8) / rows.length - 0.5))
    const y = (i: number) => 4 + (i / Math.max(rows.length, 1)) * (height - 8)
    g.globalAlpha = rows.length > 400 ? 0.55 : 0.9
    g.fillStyle = c.accent
    for (const r of rows) if (!r.call.error) g.fillRect(12 + r.start * k, y(r.index), Math.max((r.end - r.start) * k, 1), h)
    g.globalAlpha = 1
    g.fillStyle = c.bad
    for (const r of rows) if (r.call.error) g.fillRect(12 + r.start * k, y(r.index), Math.max((r.end - r.start) * k, 1.5), Math.max(h, 1.5))
  }, [model, width, lane, version])

  const at = (e: PointerEvent) => {
    const r = (box.current as HTMLDivElement).getBoundingClientRect()
    return Math.min(Math.max((e.clientX - r.left - 12) / lane, 0), 1) * model.extent
  }
  const shown = drag ? ([Math.min(...drag), Math.max(...drag)] as [number, number]) : zoom
  const px = (ns: number) => 12 + (ns / model.extent) * lane
  return (
    <div class="minimap" style={{ paddingLeft: `${left}px` }}>
      <div
        ref={box}
        class="minimap-box"
        title={t('trace.minimap')}
        onPointerDown={(e) => {
          if (e.button !== 0) return
          e.currentTarget.setPointerCapture(e.pointerId)
          setDrag([at(e), at(e)])
        }}
        onPointerMove={(e) => drag && setDrag([drag[0], at(e)])}
        onPointerUp={() => {
          if (drag && Math.abs(drag[1] - drag[0]) > model.extent * 0.002) onZoom([Math.min(...drag), Math.max(...drag)])
          setDrag(null)
        }}
        onPointerCancel={() => setDrag(null)}
        onDblClick={() => onZoom(null)}
      >
        <canvas ref={canvas} role="img" aria-label={t('trace.minimap')} style={{ width: `${width}px`, height: `${height}px` }} />
        {shown && (
          <>
            <span class="veil" style={{ left: 0, width: `${px(shown[0])}px` }} />
            <span class="veil" style={{ left: `${px(shown[1])}px`, right: 0 }} />
            <span class="window" style={{ left: `${px(shown[0])}px`, width: `${Math.max(px(shown[1]) - px(shown[0]), 1)}px` }} />
          </>
        )}
      </div>
    </div>
  )
}
