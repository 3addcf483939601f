import type { Clock } from '../../src/lib/clock.ts'

/** A clock that stands still until a test moves it. */
export interface MovedClock extends Clock {
  /** Moves time on; sleepers whose time has come wake up. */
  advance(ms: number): void
  /** Resolves as soon as somebody sleeps until `ms` from now or later. */
  sleeper(ms: number): Promise<void>
}

interface Sleeper {
  readonly at: number
  wake(): void
}

export function movedClock(start = new Date('2026-01-01T00:00:00Z')): MovedClock {
  let elapsed = 0
  let sleepers: readonly Sleeper[] = []
  let watchers: readonly Sleeper[] = []
  const seen = () => {
    const due = watchers.filter((watcher) => sleepers.some(({ at }) => at >= watcher.at))
    watchers = watchers.filter((watcher) => !due.includes(watcher))
    for (const watcher of due) watcher.wake()
  }
  return {
    now: () => new Date(start.getTime() + elapsed),
    elapsedMs: () => elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const sleeper = { at: elapsed + ms, wake: resolve }
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
        sleepers = [...sleepers, sleeper]
        seen()
      }),
    advance(ms) {
      elapsed += ms
      const due = sleepers.filter(({ at }) => at <= elapsed)
      sleepers = sleepers.filter((sleeper) => !due.includes(sleeper))
      for (const sleeper of due) sleeper.wake()
    },
    sleeper: (ms) =>
      new Promise((resolve) => {
        watchers = [...watchers, { at: elapsed + ms, wake: resolve }]
        seen()
      }),
  }
}
