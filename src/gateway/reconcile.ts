import { GatewayError } from '../core/errors.ts'
import type { Job, JobStep } from '../core/ports.ts'
import type { Target } from '../core/target.ts'
import { isAction } from '../core/tool.ts'
import { ownPart } from '../guests/restore-point.ts'
import { plainJson } from '../lib/json.ts'
import type { Gateway } from './gateway.ts'
import { statesOf } from './jobs.ts'
import { reconciled } from './perform-steps.ts'
import { placeNamed } from './places.ts'
import { carrierOf } from './read-context.ts'
import { changeResult, type StepState, statusOf, stepName, stepReports } from './report.ts'
import { restorePointHint } from './restore-point-hint.ts'
import type { ChangeResult, TargetChange } from './result.ts'

const stillRunningEveryMs = 500

/** Finds out, by reading only, how the changes of dead processes ended, and writes that down. Returns how many there were. */
export async function reconcileOrphans(gateway: Gateway): Promise<number> {
  const orphans = gateway.journal.adoptOrphans()
  const never = new AbortController().signal
  await Promise.all(
    orphans.map((job) => gateway.jobs.start(job.id, { signal: never }, () => reconcileJob(gateway, job))),
  )
  return orphans.length
}

async function reconcileJob(gateway: Gateway, job: Job): Promise<ChangeResult> {
  const open = openSteps(job)
  const found = await Promise.all(open.map((step) => endOfStep(gateway, job, step)))
  for (const step of found) gateway.journal.step(job.id, step)
  const result = resultOf(gateway, gateway.journal.find(job.id) ?? job)
  gateway.journal.finish(job.id, { status: result.status, at: gateway.clock.now(), result: plainJson(result) })
  await gateway.audit.append(
    {
      at: gateway.clock.now().toISOString(),
      call: job.id,
      event: 'reconciled',
      caller: job.caller,
      tool: job.tool,
      targets: job.plans.map(({ target }) => target),
      result: result.status,
      reason: result.targets
        .map(({ target, steps }) => `${target}: ${steps.map(({ state }) => state).join(', ')}`)
        .join('; '),
    },
    { durable: true },
  )
  return result
}

/** Steps that were begun and whose end is not in the journal: the newest entry of each still says running. */
function openSteps(job: Job): readonly JobStep[] {
  const newest = new Map<string, JobStep>()
  for (const step of job.steps) {
    const key = `${step.target} ${step.index} ${step.phase}`
    newest.set(key, { ...step, ref: step.ref ?? newest.get(key)?.ref, at: newest.get(key)?.at ?? step.at })
  }
  return [...newest.values()].filter(({ state }) => state === 'running')
}

async function endOfStep(gateway: Gateway, job: Job, open: JobStep): Promise<JobStep> {
  const at = gateway.clock.now()
  try {
    const state = await reconcileStep(gateway, job, open)
    return { ...open, at, state: state.state, outcome: state.outcome, note: state.note }
  } catch (error) {
    return { ...open, at, state: 'unknown', note: `the gateway was restarted; ${GatewayError.from(error).message}` }
  }
}

async function reconcileStep(gateway: Gateway, job: Job, open: JobStep): Promise<StepState> {
  const planned = job.plans.find(({ target }) => target === open.target)?.plan.steps[open.index]
  const operation = open.phase === 'do' ? planned?.do : planned?.undo
  const target = placeNamed(gateway, open.target)?.target
  if (operation === undefined || target === undefined) {
    return { state: 'unknown', note: `the gateway was restarted; ${open.target} is no longer configured` }
  }
  const name = stepName(job.id, open)
  for (;;) {
    const found = await carrierOf(gateway, target, operation).reconcile(operation, {
      at: open.at,
      step: name,
      ref: open.ref,
    })
    if (found.state !== 'running') return reconciled(found, 'the gateway was restarted')
    await gateway.clock.sleep(stillRunningEveryMs)
  }
}

function resultOf(gateway: Gateway, job: Job): ChangeResult {
  const targets = job.plans.map(({ target, plan }): TargetChange => {
    const states = statesOf(job, target)
    const status = statusOf(plan, states)
    return {
      target,
      status,
      steps: stepReports(plan, states),
      output: status === 'done' ? outputOf(gateway, job, target) : undefined,
    }
  })
  const result = changeResult({ call: job.id, plans: job.plans, targets })
  const restore = restorePointHint(job.plans, targets)
  if (result.status === 'done') return { ...result, hint: restore }
  const restarted =
    'the gateway was restarted in the middle; nothing was undone or repeated: read the target before you try again'
  return { ...result, hint: restore === undefined ? restarted : `${restarted}; ${restore}` }
}

function outputOf(gateway: Gateway, job: Job, target: Target['id']) {
  const tool = gateway.tools.find(({ name }) => name === job.tool)
  const plan = job.plans.find((candidate) => candidate.target === target)?.plan
  if (tool === undefined || plan === undefined || !isAction(tool)) return undefined
  const own = ownPart(plan, statesOf(job, target))
  const outcomes = own.ofSteps.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome]))
  return tool.output.parse(tool.report(own.plan, outcomes))
}
