import { shown, slopeOf } from './figures.ts'
import { askUntil } from './load.ts'
import type { Running } from './servers.ts'

/** Resident memory while calls go on; the slope is taken after the first fifth, when caches have filled. */
export async function memorySlope(running: Running, tool: string, calls: number): Promise<string> {
  const parts = 20
  const points: { x: number; y: number }[] = []
  for (let part = 1; part <= parts; part++) {
    let left = calls / parts
    await askUntil(running, tool, 20, () => left-- > 0)
    points.push({ x: (part * calls) / parts / 1000, y: running.residentMib() * 1024 })
  }
  const [first, last] = [points[0]?.y ?? Number.NaN, points.at(-1)?.y ?? Number.NaN]
  const slope = slopeOf(points.slice(parts / 5))
  return `${calls} calls of ${tool}: ${shown(first / 1024)} MiB after the first ${calls / parts}, ${shown(last / 1024)} MiB at the end; slope ${slope.toFixed(2)} KiB per 1,000 calls.`
}
