import type { Operation, Outcome } from './operation.ts'

/** Performs operations on one target. Its connections are its own affair. */
export interface Executor {
  /**
   * Does one operation and waits for its end.
   * @throws GatewayError unreachable | credentials_rejected (certainly not sent), interrupted | timeout | cancelled (perhaps done)
   */
  perform(operation: Operation, limits: Limits): Promise<Outcome>
  /** After a lost end of a write: did it happen? Reads only. */
  reconcile(operation: Operation, sent: Sent): Promise<Reconciled>
  close(): Promise<void>
}

export interface Limits {
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly maxOutputBytes: number
  /** Of a write step: names the traces it leaves, so that its end can be found after a crash. */
  readonly step?: string | undefined
  /** Called as soon as the target's own handle of a running operation is known (UPID, pid). */
  onRef?(ref: string): void
  /** Called while a long operation runs: how far it is, for people. */
  onProgress?(message: string): void
}

/** What is known of a step whose end was lost. */
export interface Sent {
  readonly at: Date
  /** The `step` of its limits. */
  readonly step: string
  readonly ref?: string | undefined
}

export type Reconciled =
  | { readonly state: 'done' | 'failed'; readonly outcome: Outcome }
  | { readonly state: 'running' }
  | { readonly state: 'unknown'; readonly reason: string }
