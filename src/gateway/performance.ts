import type { TargetPlan } from '../core/plan.ts'
import type { Gateway } from './gateway.ts'
import type { Recorder } from './recorder.ts'
import type { ChangeCall } from './request.ts'

/** A change that was approved, on its way through the steps. */
export interface Performance {
  readonly gateway: Gateway
  readonly request: ChangeCall
  readonly record: Recorder
  readonly plans: readonly TargetPlan[]
  readonly cancel: AbortSignal
  /** False for an action whose steps only read. */
  readonly journalled: boolean
}
