import { z } from 'zod'
import type { Job } from '../core/ports.ts'
import { type Clock, within } from '../lib/clock.ts'
import { type KeyedLock, keyedLock } from '../lib/keyed-lock.ts'
import { changeResult, overall, type StepState, statusOf, stepReports } from './report.ts'
import type { ChangeResult } from './result.ts'

/** The changes that this process performs. They outlive the request that began them. */
export interface Jobs {
  has(id: string): boolean
  readonly running: number
  start(
    id: string,
    request: { readonly signal: AbortSignal },
    work: (cancel: AbortSignal) => Promise<ChangeResult>,
  ): Promise<ChangeResult>
  /** Remembers how far a running job is. */
  note(id: string, progress: string): void
  /** What was noted last of a job that runs here. */
  progressOf(id: string): string | undefined
  /** Asks a running job to stop before its next step. False when no such job runs here. */
  cancel(id: string): boolean
  /** Resolves when the job has ended, or the time is over. */
  settled(id: string, withinMs: number, signal: AbortSignal): Promise<void>
  /** Lets a job outlive its request. */
  goOn(id: string): void
  /** Performs changes on the same target one after the other. */
  readonly turns: KeyedLock
  /** Resolves when no job runs any more. */
  idle(): Promise<void>
}

export function openJobs(clock: Clock): Jobs {
  const jobs = new Map<string, RunningJob>()
  return {
    has: (id) => jobs.has(id),
    turns: keyedLock(),
    get running() {
      return jobs.size
    },
    start(id, { signal }, work) {
      const cancel = new AbortController()
      const detach = new AbortController()
      signal.addEventListener('abort', () => cancel.abort(signal.reason), { once: true, signal: detach.signal })
      const end = work(cancel.signal).finally(() => {
        jobs.delete(id)
        detach.abort()
      })
      jobs.set(id, { end, cancel, detach })
      return end
    },
    note(id, progress) {
      const job = jobs.get(id)
      if (job !== undefined) job.progress = progress
    },
    progressOf: (id) => jobs.get(id)?.progress,
    cancel(id) {
      jobs.get(id)?.cancel.abort(new DOMException('cancelled by its caller', 'AbortError'))
      return jobs.has(id)
    },
    async settled(id, withinMs, signal) {
      const job = jobs.get(id)
      if (job === undefined) return
      await within({ clock, ms: withinMs, signal }, job.end.then(ignore, ignore))
    },
    goOn: (id) => jobs.get(id)?.detach.abort(),
    async idle() {
      while (jobs.size > 0) await Promise.allSettled([...jobs.values()].map(({ end }) => end))
    },
  }
}

interface RunningJob {
  readonly end: Promise<ChangeResult>
  readonly cancel: AbortController
  /** Ends the tie to the request that began it. */
  readonly detach: AbortController
  progress?: string
}

const ignore = () => undefined

/** How a journalled change stands, as the answer of a call. */
export function answerOf(job: Job): ChangeResult {
  const kept = keptEnd(job)
  const targets = job.plans.map(({ target, plan }) => {
    const states = statesOf(job, target)
    return {
      target,
      status: job.end === undefined ? ('running' as const) : statusOf(plan, states),
      steps: stepReports(plan, states),
      output: kept.outputs.get(target),
    }
  })
  const status = job.end?.status ?? (job.plans.length === 0 ? 'done' : overall(targets))
  return changeResult({
    call: job.id,
    plans: job.plans,
    targets,
    status,
    hint: status === 'running' ? `get_job with job: ${job.id} waits for its end` : kept.hint,
  })
}

const endReply = z.object({
  targets: z.array(z.object({ target: z.string(), output: z.record(z.string(), z.unknown()).optional() })),
  hint: z.string().optional(),
})

/** What the tool answered of each target, and what to do next, as it was kept with the end. */
function keptEnd({ end }: Job) {
  const { targets = [], hint } = endReply.safeParse(end?.result).data ?? {}
  return { hint, outputs: new Map(targets.map(({ target, output }) => [target, output])) }
}

/** The newest journalled state of each step of a target; an undo speaks over what it took back. */
export function statesOf(job: Job, target: string): readonly StepState[] {
  const states: StepState[] = []
  for (const step of job.steps.filter((candidate) => candidate.target === target)) {
    if (step.phase === 'do') states[step.index] = step
    else states[step.index] = { ...step, state: undoneState(step.state) }
  }
  return Array.from(states, (state) => state ?? { state: 'not_begun' })
}

const undoneState = (state: StepState['state']): StepState['state'] => {
  if (state === 'done') return 'undone'
  return state === 'failed' ? 'undo_failed' : 'unknown'
}
