import type { Clock } from '../../lib/clock.ts'

/** How long a loaded value is good, and when loading may be tried again after a failure. */
export interface Keeping {
  readonly clock: Pick<Clock, 'elapsedMs'>
  readonly keepMs: number
  readonly retryMs: number
}

/** The value, not older than `maxAgeMs`. */
export type Kept<T> = (maxAgeMs?: number) => Promise<T>

/** A value that is loaded when somebody needs it, by one at a time. A failure leaves the value before it as good as it was. */
export function kept<T>({ clock, keepMs, retryMs }: Keeping, load: () => Promise<T>): Kept<T> {
  let good: { readonly value: T; readonly atMs: number } | undefined
  let tried: { readonly result: Promise<T>; readonly atMs: number } | undefined
  return (maxAgeMs = keepMs) => {
    const atMs = clock.elapsedMs()
    if (good !== undefined && atMs - good.atMs < maxAgeMs) return Promise.resolve(good.value)
    if (tried !== undefined && atMs - tried.atMs < retryMs) return tried.result
    const result = load().then((value) => {
      good = { value, atMs }
      return value
    })
    tried = { result, atMs }
    return result
  }
}
