import { GatewayError } from '../core/errors.ts'
import type { Reconciled, Sent } from '../core/executor.ts'
import type { Request } from '../core/operation.ts'
import type { Patience } from './proxmox-api.ts'
import { lookAtTask, type TaskReading } from './proxmox-task.ts'

const lookForMs = 40_000

/** What became of a write whose end was lost, by the account that Proxmox VE keeps of its tasks. */
export async function reconcileOnProxmox(reading: TaskReading, request: Request, sent: Sent): Promise<Reconciled> {
  const untilMs = reading.clock.elapsedMs() + lookForMs
  const patience: Patience = { untilMs, timeoutMs: lookForMs, maxOutputBytes: 1024 * 1024 }
  try {
    if (sent.ref !== undefined) return await byTask(reading, sent.ref, patience)
    return { state: 'unknown', reason: `${request.method} ${request.path} left no task that is known` }
  } catch (error) {
    return { state: 'unknown', reason: `the cluster cannot be asked: ${GatewayError.from(error).message}` }
  }
}

/** How the task of a UPID stands. */
export async function byTask(reading: TaskReading, upid: string, patience: Patience): Promise<Reconciled> {
  const seen = await lookAtTask(reading, upid, patience)
  if (seen.state === 'running') return seen
  if (seen.state === 'unknown') return { state: 'unknown', reason: seen.reason }
  return { state: seen.outcome.ok ? 'done' : 'failed', outcome: { ...seen.outcome, durationMs: 0 } }
}
