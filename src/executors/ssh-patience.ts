import type { Clock } from '../lib/clock.ts'

/** When work is tried again. */
export interface Patience {
  readonly clock: Clock
  /** Beyond the first try. */
  readonly tries: number
  /** The pause before each. */
  pauseMs(): number
  /** Whether the error means that nothing was sent, and that later may be better. */
  again(error: unknown): boolean
}

/** Does the work, again and again while its error says that there was no room for it just now. */
export async function patiently<T>({ clock, tries, pauseMs, again }: Patience, work: () => Promise<T>): Promise<T> {
  for (let left = tries; ; left--) {
    try {
      return await work()
    } catch (error) {
      if (left === 0 || !again(error)) throw error
      await clock.sleep(pauseMs())
    }
  }
}
