import { effectOf } from '../core/effect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Outcome } from '../core/operation.ts'
import { type Plan, type Step, type Until, valueAt } from '../core/plan.ts'
import type { StepEnd } from '../core/ports.ts'
import { canonicalJson } from '../lib/json.ts'
import { describe } from './describe.ts'
import type { Performance } from './performance.ts'
import type { Place } from './places.ts'
import { carrierOf } from './read-context.ts'
import { type StepState, stepName } from './report.ts'

const maxStepOutputBytes = 256 * 1024
const untilEveryMs = 500
/** How often is asked whether a step still runs whose connection was lost. */
const lostEveryMs = 2000

/** Runs the steps of one target in order; a failed one undoes what was done, in reverse. A lost end stops everything and undoes nothing. */
export async function performSteps(performance: Performance, place: Place, plan: Plan): Promise<readonly StepState[]> {
  const states: StepState[] = []
  for (const [index, step] of plan.steps.entries()) {
    const stopped = stoppedBy(performance)
    if (stopped !== undefined) {
      states.push({ state: 'cancelled', note: `${stopped} before it began` })
      return undoAll(performance, place, plan, states)
    }
    const state = await performStep({ performance, place, index, phase: 'do' }, step)
    states.push(state)
    if (state.state === 'unknown' || state.state === 'running') return states
    if (state.state !== 'done') return undoAll(performance, place, plan, states)
  }
  return states
}

/** Why no further step begins; what was done is taken back. */
function stoppedBy({ gateway, cancel, journalled }: Performance): string | undefined {
  if (cancel.aborted) return 'cancelled'
  const freeze = journalled ? gateway.brake.frozen() : undefined
  return freeze?.stop === true ? `stopped by the freeze of ${freeze.by}` : undefined
}

/** One step on its way; its name is where its traces on the target are found again. */
interface StepRun {
  readonly performance: Performance
  readonly place: Place
  readonly index: number
  readonly phase: 'do' | 'undo'
}

/** Durable records before and after; the outcome, and whether what should come true came true. */
async function performStep(run: StepRun, step: Step): Promise<StepState> {
  await note(run, 'running', { what: describe(step.do) })
  tell(run, describe(step.do))
  const sent = await send(run, step)
  const state = sent.state === 'done' && step.until !== undefined ? await waitUntil(run, step.until, sent) : sent
  await note(run, state.state, { outcome: state.outcome, why: state.note })
  return state
}

async function send(run: StepRun, step: Step): Promise<StepState> {
  const { performance, place } = run
  const executor = carrierOf(performance.gateway, place.target, step.do)
  const { clock } = performance.gateway
  const sentAt = clock.now()
  const timeoutMs = step.do.timeoutMs ?? place.target.constraints.timeoutMs
  const untilMs = clock.elapsedMs() + timeoutMs
  let ref: string | undefined
  try {
    const outcome = await executor.perform(step.do, {
      signal: step.interruptible === true ? performance.cancel : AbortSignal.any([]),
      timeoutMs,
      maxOutputBytes: maxStepOutputBytes,
      step: effectOf(step.do) === 'write' ? nameOf(run) : undefined,
      onRef: (given) => {
        ref = given
        noteRef(run, given)
      },
      onProgress: (message) => tell(run, message),
    })
    return stateOf(outcome)
  } catch (error) {
    const failure = GatewayError.from(error)
    if (!['interrupted', 'timeout', 'cancelled'].includes(failure.code))
      return {
        state: 'failed',
        note: failure.hint === undefined ? failure.message : `${failure.message}: ${failure.hint}`,
      }
    const lost = { at: sentAt, step: nameOf(run), ref }
    for (;;) {
      const found = await executor.reconcile(step.do, lost)
      // Only its connection was lost: it may take as long as it was given.
      const isWaited = failure.code === 'interrupted' && clock.elapsedMs() < untilMs && !performance.cancel.aborted
      if (found.state !== 'running' || !isWaited) return reconciled(found, failure.message)
      await clock.sleep(lostEveryMs)
    }
  }
}

/** What an executor found out about a step whose end was lost. */
export function reconciled(
  found: Awaited<ReturnType<ReturnType<typeof carrierOf>['reconcile']>>,
  why: string,
): StepState {
  if (found.state === 'running') return { state: 'unknown', note: `${why}; it still runs on the target` }
  if (found.state === 'unknown') return { state: 'unknown', note: `${why}; ${found.reason}` }
  return { ...stateOf(found.outcome), state: found.state }
}

const stateOf = (outcome: Outcome): StepState => {
  if (outcome.ok) return { state: 'done', outcome }
  const said = (outcome.errorOutput || outcome.output).trim().split('\n').slice(-3).join(' ').slice(0, 500)
  return { state: 'failed', outcome, note: `ended with status ${outcome.status}${said === '' ? '' : `: ${said}`}` }
}

/** Repeats a read until the wanted value is there. A read that fails counts as not yet. */
async function waitUntil({ performance, place }: StepRun, until: Until, sent: StepState): Promise<StepState> {
  const { clock } = performance.gateway
  const began = clock.elapsedMs()
  let seen = 'nothing'
  for (;;) {
    const value = await readValue(performance, place, until).catch((error: unknown) => ({
      failed: GatewayError.from(error).message,
    }))
    if (canonicalJson(value) === canonicalJson(until.equals)) return sent
    seen = JSON.stringify(value ?? null).slice(0, 200)
    if (clock.elapsedMs() - began >= until.withinMs) break
    await clock.sleep(untilEveryMs)
  }
  const wanted = JSON.stringify(until.equals)
  return {
    ...sent,
    state: 'failed',
    note: `${describe(until.read)} did not become ${wanted} within ${until.withinMs} ms: it is ${seen}`,
  }
}

async function readValue({ gateway }: Performance, place: Place, { read, path }: Until): Promise<unknown> {
  if (effectOf(read) !== 'read') throw new GatewayError('internal', `${describe(read)} would not only read`)
  const limits = {
    signal: AbortSignal.any([]),
    timeoutMs: place.target.constraints.timeoutMs,
    maxOutputBytes: maxStepOutputBytes,
  }
  return valueAt(await carrierOf(gateway, place.target, read).perform(read, limits), path)
}

/** Takes back every step that was done, last first. A failed `until` means that its own step was done. */
async function undoAll(
  performance: Performance,
  place: Place,
  plan: Plan,
  states: readonly StepState[],
): Promise<readonly StepState[]> {
  const ends = [...states]
  const covered = plan.steps.findIndex((step, index) => step.undoesLater === true && ends[index]?.outcome?.ok === true)
  for (const [index, step] of [...plan.steps.entries()].reverse()) {
    const before = ends[index]
    if (before?.outcome?.ok !== true || (covered >= 0 && index > covered)) continue
    if (step.undo === undefined && effectOf(step.do) === 'read') continue
    if (step.undo === undefined) {
      ends[index] = { ...before, note: joined(before.note, 'it cannot be undone') }
      continue
    }
    const undone = await performStep(
      { performance, place, index, phase: 'undo' },
      { do: step.undo, until: step.undoUntil },
    )
    ends[index] = {
      ...before,
      state: undoState(undone.state),
      note: joined(before.note, undone.note && `undo: ${undone.note}`),
    }
    if (index === covered && undone.state === 'done') takenBack({ performance, place, plan }, ends, index)
  }
  return ends
}

/** What was done after a restore point is no more, once the restore point is gone back to. */
function takenBack(
  { performance, place, plan }: { readonly performance: Performance; readonly place: Place; readonly plan: Plan },
  ends: StepState[],
  restorePoint: number,
): void {
  const { gateway, record, journalled } = performance
  for (const [index, step] of plan.steps.entries()) {
    const before = ends[index]
    if (index <= restorePoint || before?.outcome?.ok !== true || effectOf(step.do) === 'read') continue
    const why = 'taken back by the rollback'
    ends[index] = { ...before, state: 'undone', note: joined(before.note, why) }
    if (!journalled) continue
    const at = gateway.clock.now()
    gateway.journal.step(record.call, { target: place.id, index, phase: 'undo', state: 'done', at, note: why })
  }
}

const undoState = (state: StepEnd): StepEnd => {
  if (state === 'done') return 'undone'
  return state === 'failed' ? 'undo_failed' : 'unknown'
}

const joined = (...notes: readonly (string | undefined)[]): string | undefined =>
  notes.filter((part) => part !== undefined && part !== '').join('; ') || undefined

const nameOf = ({ performance, place, index, phase }: StepRun): string =>
  stepName(performance.record.call, { target: place.id, index, phase })

async function note(
  run: StepRun,
  state: StepEnd,
  more: { what?: string; outcome?: Outcome | undefined; why?: string | undefined },
): Promise<void> {
  const { performance, place, index, phase } = run
  if (!performance.journalled) return
  const { gateway, record } = performance
  const at = gateway.clock.now()
  gateway.journal.step(record.call, {
    target: place.id,
    index,
    phase,
    state,
    at,
    outcome: more.outcome,
    note: more.why,
  })
  const step = { target: place.id, index, phase, what: more.what, ...(state !== 'running' && { end: state }) }
  await record.step(state === 'running' ? 'step_started' : 'step_ended', { step, reason: more.why })
}

/** Tells who asked, and who asks later, how far it is. */
function tell({ performance: { gateway, request, record }, place }: StepRun, message: string): void {
  const progress = `${place.id}: ${message}`
  gateway.jobs.note(record.call, progress)
  request.progress?.(progress)
}

/** The target's own handle of a running step, as soon as it is known. The step itself waits for nothing. */
function noteRef(run: StepRun, ref: string): void {
  const { performance, place, index, phase } = run
  if (!performance.journalled) return
  const { gateway, record } = performance
  gateway.journal.step(record.call, { target: place.id, index, phase, state: 'running', at: gateway.clock.now(), ref })
  record.step('step_ref', { step: { target: place.id, index, phase, ref } }).catch((error: unknown) => {
    gateway.log.error('a step handle could not be audited', { call: record.call, cause: error })
  })
}
