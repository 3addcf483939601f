import { inWords } from '../core/brake.ts'
import { GatewayError } from '../core/errors.ts'
import { differences, planDigest, type TargetPlan } from '../core/plan.ts'
import type { CallStatus } from '../core/ports.ts'
import { ownPart } from '../guests/restore-point.ts'
import { plainJson } from '../lib/json.ts'
import { fanOut } from './fan-out.ts'
import { performSteps } from './perform-steps.ts'
import type { Performance } from './performance.ts'
import { type Place, placeOf } from './places.ts'
import { planAll } from './plan-all.ts'
import { changeResult, type StepState, statusOf, stepReports } from './report.ts'
import { restorePointHint } from './restore-point-hint.ts'
import type { ChangeResult, TargetChange } from './result.ts'
import { tellFleet } from './tell-fleet.ts'

/** Reads the basis again, performs target by target in batches, and writes the end into journal and audit. Never throws. */
export async function performChange(performance: Performance): Promise<ChangeResult> {
  const result = await inTurn(performance).catch((error: unknown) => broken(performance, GatewayError.from(error)))
  const { gateway, record, journalled } = performance
  try {
    if (journalled)
      gateway.journal.finish(record.call, { status: result.status, at: gateway.clock.now(), result: plainJson(result) })
    await record.finished(result.status, failureOf(result))
    return result
  } catch (error) {
    gateway.log.error('the end of a change could not be recorded', {
      call: record.call,
      status: result.status,
      cause: error,
    })
    return {
      ...result,
      hint: `its end could not be recorded (${GatewayError.from(error).message}); the steps above are what happened`,
    }
  }
}

/** Changes on one target are performed one after the other: none acts on a world that another is changing. */
function inTurn(performance: Performance): Promise<ChangeResult> {
  const { gateway, plans, journalled } = performance
  const perform = () => performTargets(performance)
  return journalled
    ? gateway.jobs.turns.hold([...new Set(plans.flatMap((plan) => touched(performance, plan)))], perform)
    : perform()
}

/** A cluster's guests are changed in turn with the cluster, and so is a machine with the cluster that snapshots it. */
function touched(performance: Performance, { target, plan: { restorePoint } }: TargetPlan): readonly string[] {
  const own = placeIn(performance, target).target.id
  return restorePoint === undefined ? [own] : [own, restorePoint.cluster]
}

async function performTargets(performance: Performance): Promise<ChangeResult> {
  const stale = frozenMeanwhile(performance) ?? (await changedWorld(performance)) ?? frozenMeanwhile(performance)
  if (stale !== undefined) return notBegun(performance, stale)
  const ended = tellFleet(performance)
  try {
    return await performAll(performance)
  } finally {
    await ended()
  }
}

async function performAll(performance: Performance): Promise<ChangeResult> {
  const { request, plans, record } = performance
  const size = request.batch?.size ?? 1
  const maxFailures = request.batch?.max_failures ?? 1
  const changes: TargetChange[] = []
  for (let at = 0; at < plans.length; at += size) {
    const failures = changes.filter(({ status }) => status !== 'done').length
    if (failures >= maxFailures) break
    changes.push(...(await fanOut(plans.slice(at, at + size), size, (plan) => performTarget(performance, plan))))
  }
  const left = plans
    .slice(changes.length)
    .map(({ target, plan }) => ({ target, status: 'cancelled' as const, steps: stepReports(plan, []) }))
  const targets = [...changes, ...left]
  return changeResult({
    call: record.call,
    plans,
    targets,
    hint: joined(hintOf(targets), restorePointHint(plans, targets)),
  })
}

/** A change that waited for its turn has not begun: a freeze holds it, too. */
function frozenMeanwhile({ gateway, journalled }: Performance): string | undefined {
  const freeze = journalled ? gateway.brake.frozen() : undefined
  return freeze && `the gateway is frozen ${inWords(freeze)}; tailops unfreeze ends it`
}

/** The basis, read again just before performing: undefined when the world is still the one that was planned for. */
async function changedWorld({ gateway, request, plans, cancel }: Performance): Promise<string | undefined> {
  try {
    const now = await planAll(gateway, request, cancel)
    const digest = (all: readonly TargetPlan[]) => planDigest(request.tool.name, all, gateway.version)
    if (digest(now) === digest(plans)) return undefined
    return `the world changed since the plan: ${differences(plans, now).join('; ')}`
  } catch (error) {
    return `the basis could not be read again: ${GatewayError.from(error).message}`
  }
}

async function performTarget(performance: Performance, { target: id, plan }: TargetPlan): Promise<TargetChange> {
  const states = await performSteps(performance, placeIn(performance, id), plan)
  const status = statusOf(plan, states)
  return {
    target: id,
    status,
    steps: stepReports(plan, states),
    output: outputOf(performance, plan, { status, states }),
  }
}

/** What the tool has to say of its end; of a failure only where it declares that. */
function outputOf(
  { request: { tool } }: Performance,
  plan: TargetPlan['plan'],
  { status, states }: { readonly status: CallStatus; readonly states: readonly StepState[] },
) {
  const own = ownPart(plan, states)
  const outcomes = own.ofSteps.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome]))
  if (status === 'done') return tool.output.parse(tool.report(own.plan, outcomes))
  const failure = status === 'failed' && outcomes.length > 0 ? tool.reportFailure?.(own.plan, outcomes) : undefined
  return failure === undefined ? undefined : tool.output.parse(failure)
}

function placeIn({ request }: Performance, id: string): Place {
  const found = request.granted.map(placeOf).find((place) => place.id === id)
  if (found === undefined) throw new TypeError(`plan for ${id}, which was not decided`)
  return found
}

function notBegun({ record, plans }: Performance, why: string): ChangeResult {
  const targets = plans.map(({ target, plan }) => ({ target, status: 'failed' as const, steps: stepReports(plan, []) }))
  return changeResult({
    call: record.call,
    plans,
    targets,
    status: 'failed',
    hint: `nothing was done: ${why}; repeat the call for a new plan`,
  })
}

/** Something of ours broke in the middle: what the journal knows is all that can be said. */
function broken({ gateway, record, plans }: Performance, error: GatewayError): ChangeResult {
  gateway.log.error('a change broke off', { call: record.call, cause: error.cause ?? error })
  const targets = plans.map(({ target, plan }) => ({
    target,
    status: 'unknown' as const,
    steps: stepReports(plan, []),
  }))
  return changeResult({
    call: record.call,
    plans,
    targets,
    status: 'unknown',
    hint: `${error.message}; tailops audit has the steps that were begun`,
  })
}

function hintOf(changes: readonly TargetChange[]): string | undefined {
  if (changes.some(({ status }) => status === 'unknown'))
    return 'the end of a step was lost: read the target before you try again'
  const undone = changes.flatMap(({ steps }) => steps).some(({ state }) => state === 'undo_failed')
  if (undone) return 'an undo failed: the steps say what state was left'
  return changes.some(({ status }) => status === 'cancelled') ? 'what was not begun was left alone' : undefined
}

const joined = (...hints: readonly (string | undefined)[]): string | undefined =>
  hints.filter((hint) => hint !== undefined).join('; ') || undefined

const failureOf = (result: ChangeResult): string | undefined =>
  result.targets.flatMap(({ target, steps }) =>
    steps.filter(({ note }) => note !== undefined).map(({ note }) => `${target}: ${note}`),
  )[0] ?? result.hint
