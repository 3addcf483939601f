import type { Clock } from '../../src/lib/clock.ts'
import { turn } from './turn.ts'

/**
 * A clock on which short pauses take no time: they move it on at once. Longer sleeps, the time limits, never end by
 * themselves; with `limitsEndAfterMs` they end after so many real milliseconds, for what really hangs.
 */
export interface HastyClock extends Clock {
  /** The pauses so far, in milliseconds. */
  readonly pauses: number[]
  advance(ms: number): void
}

export function hastyClock(
  start = new Date(),
  longestPauseMs = 2000,
  limitsEndAfterMs = Number.POSITIVE_INFINITY,
): HastyClock {
  let elapsed = 0
  const pauses: number[] = []
  return {
    pauses,
    now: () => new Date(start.getTime() + elapsed),
    elapsedMs: () => elapsed,
    advance(ms) {
      elapsed += ms
    },
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason)
      if (ms > longestPauseMs)
        return new Promise((resolve, reject) => {
          const end = () => {
            elapsed += ms
            resolve()
          }
          const timer = limitsEndAfterMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(end, limitsEndAfterMs)
          const stop = () => {
            clearTimeout(timer)
            reject(signal?.reason)
          }
          signal?.addEventListener('abort', stop, { once: true })
        })
      pauses.push(ms)
      elapsed += ms
      return turn()
    },
  }
}
