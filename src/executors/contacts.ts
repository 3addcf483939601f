import { GatewayError } from '../core/errors.ts'
import type { Executor } from '../core/executor.ts'
import type { Clock } from '../lib/clock.ts'

/** When a target was last asked something, and whether it could be reached. */
export interface Contact {
  readonly at: Date
  readonly reached: boolean
  /** Why not. */
  readonly error?: string | undefined
}

/** What the calls of this process have shown of targets; nothing is asked for it. */
export interface Contacts {
  of(target: string): Contact | undefined
  /** The same executor, whose calls are noticed. */
  watched(target: string, executor: Executor): Executor
}

export function openContacts(clock: Clock): Contacts {
  const newest = new Map<string, Contact>()
  return {
    of: (target) => newest.get(target),
    watched: (target, executor) => ({
      async perform(operation, limits) {
        try {
          const outcome = await executor.perform(operation, limits)
          newest.set(target, { at: clock.now(), reached: true })
          return outcome
        } catch (error) {
          const { code, message } = GatewayError.from(error)
          if (code === 'unreachable' || code === 'credentials_rejected')
            newest.set(target, { at: clock.now(), reached: false, error: `${code}: ${message}` })
          throw error
        }
      },
      reconcile: (operation, sent) => executor.reconcile(operation, sent),
      close: () => executor.close(),
    }),
  }
}
