import { follow } from './follow.ts'

/** The only source of time. Tests hand in a clock that they move. */
export interface Clock {
  now(): Date
  /** Monotonic milliseconds, for durations. */
  elapsedMs(): number
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const stop = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, ms)
      signal?.addEventListener('abort', stop, { once: true })
    }),
}

/** What `work` resolves to, or undefined when `ms` have passed or the signal came first. Leaves no timer behind. */
export async function within<T>(
  { clock, ms, signal }: { readonly clock: Clock; readonly ms: number; readonly signal?: AbortSignal | undefined },
  work: Promise<T>,
): Promise<T | undefined> {
  const over = follow(signal)
  const late = clock.sleep(ms, over.signal).then(nothing, nothing)
  return Promise.race([work, late]).finally(() => {
    over.release()
    over.abort()
  })
}

const nothing = () => undefined
