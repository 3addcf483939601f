import type { Job } from '../core/ports.ts'
import { type Json, plainJson } from '../lib/json.ts'
import type { Gateway } from './gateway.ts'
import { answerOf } from './jobs.ts'
import { reconcileOrphans } from './reconcile.ts'

const lookEveryMs = 250

/**
 * Waits for the end of a change, whichever process performs it, at most `withinMs`; one whose process died is
 * reconciled. Returns how it stands then; undefined for an unknown job.
 */
export async function waitForEnd(
  gateway: Gateway,
  id: string,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<Job | undefined> {
  const { clock, jobs, journal } = gateway
  const began = clock.elapsedMs()
  for (;;) {
    const job = journal.find(id)
    const left = withinMs - (clock.elapsedMs() - began)
    if (job === undefined || job.end !== undefined || left <= 0 || signal.aborted) return job
    if (jobs.has(id)) await jobs.settled(id, left, signal)
    else if ((await reconcileOrphans(gateway)) === 0) await clock.sleep(Math.min(lookEveryMs, left))
  }
}

/** How a change stands, after waiting for its end: the answer its own call gave, or would give now. */
export async function answerOfJob(
  gateway: Gateway,
  id: string,
  wait: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<Json | undefined> {
  const job = await waitForEnd(gateway, id, wait)
  return job && (job.end?.result ?? plainJson({ ...answerOf(job), progress: gateway.jobs.progressOf(id) }))
}
