import type { Resource } from './fleet.ts'
import type { Operation, Outcome } from './operation.ts'
import type { Caller, Target } from './target.ts'

/** All that a tool may touch. Nothing in src/tools/ reads a clock, a socket or an environment variable. */
export interface Context {
  readonly caller: Caller
  readonly target: Target
  readonly signal: AbortSignal
  /** The time of the call, for ages in answers; the same during the whole call. */
  readonly now: Date
  /** The only I/O a tool has. @throws GatewayError internal if the operation would write */
  read(operation: Operation): Promise<Outcome>
  /** What discovery last saw of the target, and when: for answers that say how old they are. */
  remembered(): Remembered
  /** Tells the client how far the call is; nothing decides by it. */
  progress(message: string): void
}

/** `seenAt` is undefined where nobody has looked yet, or nothing ever answered. */
export interface Remembered {
  readonly seenAt: Date | undefined
  readonly resources: readonly Resource[]
}
