import { GatewayError } from '../core/errors.ts'
import { openTurnstile, type Turnstile } from '../lib/turnstile.ts'

/** How many calls run at the same time, of all callers. */
const total = 256

/** Calls of a caller run at the same time up to its limit; four times as many wait. */
export const openCallTurnstile = (maxCalls: number): Turnstile =>
  openTurnstile({
    perKey: maxCalls,
    total,
    queuePerKey: 4 * maxCalls,
    refuse(why) {
      if (why === 'gone') return new GatewayError('cancelled', 'cancelled while it waited for earlier calls')
      return new GatewayError('busy', `${maxCalls} calls of this caller run, and ${4 * maxCalls} wait`, {
        hint: 'wait for answers before you ask more',
      })
    },
  })
