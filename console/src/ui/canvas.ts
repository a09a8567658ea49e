import { useEffect, useState } from 'preact/hooks'
import { theme } from '../prefs'

/** Token colours as a canvas understands them: custom properties are resolved through a probe element. */
export function readColours<K extends string>(names: readonly K[]): Record<K, string> {
  const probe = document.createElement('span')
  document.body.append(probe)
  const out = {} as Record<K, string>
  for (const n of names) {
    probe.style.color = `var(--${n})`
    out[n] = getComputedStyle(probe).color
  }
  probe.remove()
  return out
}

/** Changes whenever the effective theme does, so that canvases are drawn again. */
export function useThemeVersion(): string {
  const chosen = theme.use()
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const m = matchMedia('(prefers-color-scheme: dark)')
    const follow = () => setDark(m.matches)
    m.addEventListener('change', follow)
    return () => m.removeEventListener('change', follow)
  }, [])
  return `${chosen}/${dark}`
}

/** Sizes a canvas for the screen's density and gives a context that draws in CSS pixels. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const density = window.devicePixelRatio || 1
  const w = Math.round(width * density)
  const h = Math.round(height * density)
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w
    canvas.height = h
  }
  const g = canvas.getContext('2d') as CanvasRenderingContext2D
  g.setTransform(density, 0, 0, density, 0, 0)
  g.clearRect(0, 0, width, height)
  return g
}
