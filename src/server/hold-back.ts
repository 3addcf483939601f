import type { Clock } from '../lib/clock.ts'

/** An answer, a while later. */
export type HoldBack = (answer: Response, signal: AbortSignal) => Promise<Response>

/** Beyond so many at the same time answers go out at once: what is held takes memory and a connection. */
const most = 1024

/** Who floods waits for its own answers: it costs the others the less, the fewer connections it comes with. */
export function openHoldBack(clock: Pick<Clock, 'sleep'>, ms: number): HoldBack {
  let held = 0
  return async (answer, signal) => {
    if (ms === 0 || held >= most) return answer
    held++
    // Who has gone away need not be waited for.
    await clock.sleep(ms, signal).catch(() => undefined)
    held--
    return answer
  }
}
