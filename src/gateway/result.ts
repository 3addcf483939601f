import type { GatewayError } from '../core/errors.ts'
import type { CallStatus, StepEnd } from '../core/ports.ts'

/** What the one path of a call returns; render.ts turns it into text. */
export type CallResult = QueryResult | ChangeResult

/** Answers of a query, one a target, in order of target id. */
export interface QueryResult {
  readonly kind: 'query'
  readonly call: string
  readonly answers: readonly TargetAnswer[]
}

export type TargetAnswer =
  | { readonly target: string; readonly value: Readonly<Record<string, unknown>> }
  | { readonly target: string; readonly error: GatewayError }

/** How a change stands: the same envelope for every action. */
export interface ChangeResult {
  readonly kind: 'change'
  readonly call: string
  readonly status: CallStatus
  /** What was asked for, in one line. */
  readonly summary: string
  readonly targets: readonly TargetChange[]
  /** With approval_required: the id that a person approves. */
  readonly approval?: string | undefined
  /** With running: what get_job takes. */
  readonly job?: string | undefined
  /** With running: how far it is, as far as the target tells. */
  readonly progress?: string | undefined
  /** The next step, where there is one. */
  readonly hint?: string | undefined
}

export interface TargetChange {
  readonly target: string
  readonly status: CallStatus
  readonly steps: readonly StepReport[]
  /** What a person should see of the change, with planned and approval_required. */
  readonly preview?: string | undefined
  /** The action's own answer, when it is done. */
  readonly output?: Readonly<Record<string, unknown>> | undefined
}

export interface StepReport {
  /** The operation in words: `systemctl restart -- nginx.service`. */
  readonly what: string
  readonly state: StepEnd
  readonly note?: string | undefined
}
