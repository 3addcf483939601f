import type { Clock } from '../../src/lib/clock.ts'

/** A clock on which short pauses take no time: they move it on at once. Longer sleeps, the time limits, never end by themselves. */
export interface HastyClock extends Clock {
  /** The pauses so far, in milliseconds. */
  readonly pauses: number[]
  advance(ms: number): void
}

const longestPauseMs = 2000

export function hastyClock(start = new Date()): HastyClock {
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
        return new Promise((_, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
        )
      pauses.push(ms)
      elapsed += ms
      return new Promise((resolve) => setImmediate(resolve))
    },
  }
}
