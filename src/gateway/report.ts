import type { Outcome } from '../core/operation.ts'
import type { Plan, TargetPlan } from '../core/plan.ts'
import type { CallStatus, StepEnd, StepMark } from '../core/ports.ts'
import { describe } from './describe.ts'
import type { ChangeResult, StepReport, TargetChange } from './result.ts'

/** How one step of a plan ended; `outcome` where the target gave one. */
export interface StepState {
  readonly state: StepEnd
  readonly outcome?: Outcome | undefined
  readonly note?: string | undefined
}

/** All steps of a plan in order, those without a state not begun. */
export function stepReports(plan: Plan, states: readonly StepState[]): readonly StepReport[] {
  return plan.steps.map((step, index) => {
    const { state, note } = states[index] ?? { state: 'not_begun' }
    return { what: describe(step.do), state, note }
  })
}

/** What the steps of one target add up to. */
export function statusOf(plan: Plan, states: readonly StepState[]): CallStatus {
  const ends = plan.steps.map((_, index) => states[index]?.state ?? 'not_begun')
  if (ends.every((end) => end === 'done')) return 'done'
  if (ends.includes('running')) return 'running'
  if (ends.includes('unknown')) return 'unknown'
  return ends.includes('cancelled') ? 'cancelled' : 'failed'
}

/** What the targets add up to: one status for all, else unknown, running, or partial. */
export function overall(targets: readonly TargetChange[]): CallStatus {
  const statuses = new Set(targets.map(({ status }) => status))
  const [only] = statuses
  if (only !== undefined && statuses.size === 1) return only
  if (statuses.has('running')) return 'running'
  if (statuses.has('unknown')) return 'unknown'
  return statuses.has('done') ? 'partial' : 'failed'
}

/** The envelope of a change; `status` is the targets' sum unless it is given. */
export function changeResult(change: {
  readonly call: string
  readonly plans: readonly TargetPlan[]
  readonly targets: readonly TargetChange[]
  readonly status?: CallStatus
  readonly approval?: string | undefined
  readonly hint?: string | undefined
}): ChangeResult {
  const { call, plans, targets, approval, hint } = change
  const status = change.status ?? overall(targets)
  const summaries = [...new Set(plans.map(({ plan }) => plan.summary))]
  const summary =
    summaries.length > 3
      ? `${summaries.slice(0, 3).join('; ')}; and ${summaries.length - 3} more`
      : summaries.join('; ')
  return {
    kind: 'change',
    call,
    status,
    summary,
    targets,
    approval,
    hint,
    job: status === 'running' ? call : undefined,
  }
}

/** Names the traces that a step leaves on its target: the same before and after a restart. */
export const stepName = (job: string, { target, index, phase }: Pick<StepMark, 'target' | 'index' | 'phase'>): string =>
  `${job}-${Buffer.from(target).toString('hex').slice(0, 80)}-${index}-${phase}`
