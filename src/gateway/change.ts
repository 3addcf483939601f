import { refusalOf } from '../core/brake.ts'
import { effectOf } from '../core/effect.ts'
import { GatewayError } from '../core/errors.ts'
import { differences, planDigest, type TargetPlan } from '../core/plan.ts'
import { approvers, sameTerms, termsOf } from '../core/policy-terms.ts'
import { within } from '../lib/clock.ts'
import { digestOf } from '../lib/digest.ts'
import type { Gateway } from './gateway.ts'
import { answerOf } from './jobs.ts'
import { performChange } from './perform.ts'
import { planAll } from './plan-all.ts'
import { type Recorder, recordable } from './recorder.ts'
import { changeResult, stepReports } from './report.ts'
import type { ChangeCall, Granted } from './request.ts'
import type { ChangeResult } from './result.ts'
import { waitForEnd } from './wait-for-end.ts'

/** How long a call waits for a change before it answers `running` (clients give up at 60 s). */
export const answerWithinMs = 50_000

/** Plans on every target; then shows the plan, asks for approval, or performs it. */
export async function change(gateway: Gateway, request: ChangeCall, record: Recorder): Promise<ChangeResult> {
  const requestDigest = digestOf([
    request.tool.name,
    [...new Set(request.granted.map(({ target }) => target.id))],
    request.input,
    ...(request.snapshotFirst === true ? ['snapshot_first'] : []),
  ])
  const repeated = await endOfRepeated(gateway, request, requestDigest)
  if (repeated !== undefined) {
    await record.finished(repeated.status, 'repeated request_id: the first call’s end')
    return repeated
  }
  if (touchesTargets(request)) refuseWhenFrozen(gateway)
  const plans = await planAll(gateway, request, request.signal)
  const readsOnly = plans.every(({ plan }) => plan.steps.every(({ do: operation }) => effectOf(operation) === 'read'))
  if (request.dryRun === true) return shown(record, { status: 'planned', plans })
  if (!readsOnly) refuseWhenFrozen(gateway)

  const digest = planDigest(request.tool.name, plans, gateway.version)
  const needsApproval = !readsOnly && request.granted.some(({ decision }) => decision.effect === 'approve')
  if (needsApproval && request.approval === undefined) return askApproval(gateway, request, record, plans)
  try {
    if (request.approval !== undefined) claim(gateway, request, digest, plans)
    return await perform(gateway, request, record, { plans, digest, requestDigest, readsOnly })
  } catch (error) {
    return joinEarlier(gateway, request, { record, requestDigest, error })
  }
}

/** Whether it is a change by its risk alone. Tools of the gateway's own bookkeeping (a job is cancelled) are judged by their plan. */
const touchesTargets = ({ tool, granted, dryRun }: ChangeCall): boolean =>
  dryRun !== true &&
  tool.targets.some((kind) => kind !== 'gateway') &&
  granted.some(({ risk }) => risk === 'write' || risk === 'destructive')

/** @throws GatewayError frozen */
function refuseWhenFrozen({ brake }: Gateway): void {
  const freeze = brake.frozen()
  if (freeze !== undefined) throw refusalOf(freeze)
}

/** Two calls with one request_id at the same time: the slower one finds approval or job taken, and gets the faster one's end. */
async function joinEarlier(
  gateway: Gateway,
  request: ChangeCall,
  { record, requestDigest, error }: { record: Recorder; requestDigest: string; error: unknown },
): Promise<ChangeResult> {
  const taken = error instanceof GatewayError && (error.code === 'busy' || error.code === 'approval_invalid')
  const earlier = taken ? await endOfRepeated(gateway, request, requestDigest) : undefined
  if (earlier === undefined) throw error
  await record.finished(earlier.status, 'joined the call that had this request_id first')
  return earlier
}

async function endOfRepeated(
  gateway: Gateway,
  request: ChangeCall,
  requestDigest: string,
): Promise<ChangeResult | undefined> {
  if (request.requestId === undefined || request.dryRun === true) return undefined
  const job = gateway.journal.findRequest(request.caller.id, request.requestId)
  if (job === undefined) return undefined
  if (job.requestDigest !== requestDigest) {
    throw new GatewayError('invalid_input', `request_id ${request.requestId} was used for another call`, {
      hint: 'use a new request_id for a new change',
    })
  }
  const ended = await waitForEnd(gateway, job.id, { withinMs: answerWithinMs, signal: request.signal })
  return answerOf(ended ?? job)
}

async function shown(
  record: Recorder,
  {
    status,
    plans,
    approval,
    by = 'a person',
  }: {
    status: 'planned' | 'approval_required'
    plans: readonly TargetPlan[]
    approval?: string
    by?: string | undefined
  },
): Promise<ChangeResult> {
  await record.finished(status, approval === undefined ? undefined : `approval ${approval}`)
  const targets = plans.map(({ target, plan }) => ({
    target,
    status,
    steps: stepReports(plan, []),
    preview: plan.preview,
  }))
  const hint =
    approval === undefined
      ? undefined
      : `${by} approves it on the gateway's machine (tailops approvals approve ${approval}); then repeat this call with approval: ${approval}`
  return changeResult({ call: record.call, status, plans, targets, approval, hint })
}

function askApproval(
  gateway: Gateway,
  request: ChangeCall,
  record: Recorder,
  plans: readonly TargetPlan[],
): Promise<ChangeResult> {
  const terms = termsOf(request.granted.map(({ decision }) => decision))
  const { id } = gateway.approvals.request({
    digest: planDigest(request.tool.name, plans, gateway.version),
    tool: request.tool.name,
    caller: request.caller.id,
    risk: riskiest(request.granted),
    plans,
    ...(terms.length > 0 && { terms }),
  })
  return shown(record, { status: 'approval_required', plans, approval: id, by: approvers(terms) })
}

const riskiest = (granted: readonly Granted[]) =>
  granted.some(({ risk }) => risk === 'destructive') ? 'destructive' : (granted[0]?.risk ?? 'destructive')

/** Consumes the approval; when the world is no longer the one that was approved, says what differs. */
function claim(gateway: Gateway, request: ChangeCall, digest: string, plans: readonly TargetPlan[]): void {
  const id = request.approval ?? ''
  const approval = gateway.approvals.find(id)
  const own = approval?.caller === request.caller.id && approval.tool === request.tool.name
  if (own && approval.digest !== digest && approval.state === 'approved') {
    const changes = differences(approval.plans, plans)
    throw new GatewayError(
      'world_changed',
      `what was approved is no longer what would be done: ${changes.join('; ') || 'the plan differs'}`,
      {
        hint: 'repeat the call without approval to have the new plan approved',
      },
    )
  }
  const terms = termsOf(request.granted.map(({ decision }) => decision))
  if (own && !sameTerms(approval.terms, terms))
    throw new GatewayError('approval_invalid', `since ${id} was asked for, policy asks for other terms`, {
      hint: 'repeat the call without approval to get a new one',
    })
  gateway.approvals.claim(id, digest, request.caller.id)
}

interface Approved {
  readonly plans: readonly TargetPlan[]
  readonly digest: string
  readonly requestDigest: string
  readonly readsOnly: boolean
}

async function perform(
  gateway: Gateway,
  request: ChangeCall,
  record: Recorder,
  approved: Approved,
): Promise<ChangeResult> {
  const { plans, digest, requestDigest, readsOnly } = approved
  const job = {
    id: record.call,
    caller: request.caller.id,
    tool: request.tool.name,
    input: recordable(request.input),
    requestId: request.requestId,
    requestDigest,
    plans,
    startedAt: gateway.clock.now(),
  }
  if (!readsOnly) {
    gateway.journal.open(job)
    await record.started({
      plan: digest,
      reason: plans.map(({ target, plan }) => `${target}: ${plan.summary}`).join('; '),
    })
  }
  const running = gateway.jobs.start(record.call, request, (cancel) =>
    performChange({ gateway, request, record, plans, cancel, journalled: !readsOnly }),
  )
  const ended = await within({ clock: gateway.clock, ms: answerWithinMs, signal: request.signal }, running)
  if (ended !== undefined) return ended
  if (request.signal.aborted) return running
  gateway.jobs.goOn(record.call)
  return answerOf(gateway.journal.find(record.call) ?? { ...job, steps: [] })
}
