import { effectOf } from '../core/effect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor } from '../core/executor.ts'
import type { Operation, Outcome } from '../core/operation.ts'
import type { Target } from '../core/target.ts'
import { describe } from './describe.ts'

/** A look at a fleet of thousands is a few MiB. */
const maxOutputBytes = 64 * 1024 * 1024

/** What the gateway reads by itself, for nobody's call: reads only, and nothing that was cut. */
export const backgroundRead =
  (executor: (target: Target) => Executor) =>
  async (target: Target, operation: Operation, signal: AbortSignal): Promise<Outcome> => {
    if (effectOf(operation) !== 'read') {
      throw new GatewayError('internal', 'the gateway tried to write while looking at the fleet', {
        cause: new TypeError(describe(operation)),
      })
    }
    const timeoutMs = operation.timeoutMs ?? target.constraints.timeoutMs
    const outcome = await executor(target).perform(operation, { signal, timeoutMs, maxOutputBytes })
    if (!outcome.truncated) return outcome
    throw new GatewayError('unexpected_reply', `${describe(operation)} answered more than ${maxOutputBytes} bytes`, {
      hint: 'narrow what is looked at',
    })
  }
