import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Limits } from '../core/executor.ts'
import type { Outcome } from '../core/operation.ts'
import { parseUpid } from '../formats/proxmox-upid.ts'
import type { Clock } from '../lib/clock.ts'
import { parseJson } from '../lib/json.ts'
import type { Patience, ProxmoxApi } from './proxmox-api.ts'
import { outcomeOf } from './proxmox-outcome.ts'

/** How a task stands. `200` and a UPID is no success: only the end of the task says (Proxmox VE API, observed 9.2). */
export type TaskEnd =
  | { readonly state: 'running' }
  | { readonly state: 'ended'; readonly outcome: Omit<Outcome, 'durationMs'> }
  | { readonly state: 'unknown'; readonly reason: string; readonly again: boolean }

/** Reads tasks of one cluster. */
export interface TaskReading {
  readonly api: ProxmoxApi
  readonly clock: Clock
  /** The token `gw@pve!name` or the user `gw@pve`: who begins our tasks. */
  readonly asker: string | undefined
  /** Tasks whose writes are known, with the steps of those writes: none of them belongs to another one that was lost. */
  readonly known: Map<string, string>
}

const rememberedTasks = 1000

/** Notes whose task this is. Forgets the oldest: a lost write is looked for within minutes. */
export function remember({ known }: Pick<TaskReading, 'known'>, upid: string, step: string): void {
  known.set(upid, step)
  const [oldest] = known.keys()
  if (known.size > rememberedTasks && oldest !== undefined) known.delete(oldest)
}

const statusReply = z.object({
  data: z.object({ status: z.string(), exitstatus: z.string().optional() }),
})

const oneReplyBytes = 256 * 1024
const oneReplyMs = 35_000

/** Asks the node that the UPID names. */
export async function lookAtTask(reading: TaskReading, upid: string, patience: Patience): Promise<TaskEnd> {
  const path = taskPath(upid)
  if (path === undefined) return { state: 'unknown', reason: `${upid} is no UPID`, again: false }
  const reply = await reading.api.read(`${path}/status`, bounded(reading.clock, patience))
  const seen = outcomeOf(reply, { request: { method: 'GET', path }, asker: reading.asker })
  if (!seen.ok) {
    const again = seen.status >= 595 && seen.status <= 599
    return { state: 'unknown', reason: `its task cannot be read: ${seen.errorOutput.split('\n')[0]}`, again }
  }
  const parsed = statusReply.safeParse(parseJson(seen.output))
  if (!parsed.success) return { state: 'unknown', reason: 'the status of its task is not understood', again: true }
  const { status, exitstatus } = parsed.data.data
  if (status !== 'stopped') return { state: 'running' }
  if (exitstatus === undefined || exitstatus === 'unexpected status')
    return { state: 'unknown', reason: `its worker died without saying how it ended (${upid})`, again: false }
  const log = await logOf(reading, upid, patience)
  return { state: 'ended', outcome: endOf({ upid, exitstatus, log }) }
}

/** The good ends of a task. */
export const isGoodEnd = (exitstatus: string): boolean => exitstatus === 'OK' || /^WARNINGS: \d+$/.test(exitstatus)

const keptLines = 10

interface Ended {
  readonly upid: string
  readonly exitstatus: string
  readonly log: readonly string[]
}

function endOf({ upid, exitstatus, log }: Ended): Omit<Outcome, 'durationMs'> {
  const ok = isGoodEnd(exitstatus)
  const lines = log.filter((line) => !/^TASK (OK|ERROR|WARNINGS)\b/.test(line))
  // A failed backup ends with `job errors`; why stands above its last lines.
  const errors = lines.filter((line) => /^ERROR: /.test(line))
  const told = ok ? lines.slice(-keptLines) : (errors.length > 0 ? errors : lines).slice(-2)
  const errorOutput = exitstatus === 'OK' ? '' : [exitstatus, ...told].join('\n')
  const output = JSON.stringify({ data: upid, exitstatus, log: log.slice(-keptLines) })
  return { ok, status: 200, output, errorOutput, truncated: false }
}

const firstPauseMs = 300
const longestPauseMs = 2000
/** The end of a task is noticed within a fifth of the time that it took. */
const pauseAfter = (waitedMs: number): number => Math.min(longestPauseMs, Math.max(firstPauseMs, waitedMs / 5))
const progressEveryMs = 2000

/**
 * Waits for the end of a task. A lost connection is no reason to give up: looking again does no harm.
 * @throws GatewayError timeout, cancelled (the task goes on), interrupted (its end cannot be known), credentials_rejected
 */
export async function endOfTask(
  reading: TaskReading,
  upid: string,
  { limits, patience }: { readonly limits: Limits; readonly patience: Patience },
): Promise<Omit<Outcome, 'durationMs'>> {
  const { clock } = reading
  const beganMs = clock.elapsedMs()
  let toldAtMs = beganMs
  for (;;) {
    const seen = await lookAtTask(reading, upid, patience).catch((error: unknown) => stillUnknown(error, limits, upid))
    if (seen.state === 'ended') return seen.outcome
    if (seen.state === 'unknown' && !seen.again) throw new GatewayError('interrupted', seen.reason)
    const pauseMs = pauseAfter(clock.elapsedMs() - beganMs)
    if (clock.elapsedMs() + pauseMs >= patience.untilMs) throw goesOn(upid, limits.timeoutMs)
    if (limits.onProgress !== undefined && clock.elapsedMs() - toldAtMs >= progressEveryMs) {
      toldAtMs = clock.elapsedMs()
      const newest = (await logOf(reading, upid, patience)).at(-1)
      if (newest !== undefined) limits.onProgress(newest)
    }
    await clock.sleep(pauseMs, limits.signal).catch(() => undefined)
    if (limits.signal.aborted) throw cancelled(upid)
  }
}

function stillUnknown(error: unknown, { signal }: Limits, upid: string): TaskEnd {
  if (signal.aborted) throw cancelled(upid)
  const { code, message } = GatewayError.from(error)
  if (code === 'unreachable' || code === 'interrupted' || code === 'timeout')
    return { state: 'unknown', reason: message, again: true }
  throw error
}

const goesOn = (upid: string, ms: number) =>
  new GatewayError('timeout', `the task did not end within ${ms} ms: ${upid}`, {
    hint: 'it goes on; constraints.timeout of the cluster is the limit of waiting',
  })

const cancelled = (upid: string) =>
  new GatewayError('cancelled', `the caller cancelled; the task goes on: ${upid}`, {
    hint: 'stop the task itself if it shall not',
  })

const logReply = z.object({
  total: z.coerce.number().optional(),
  data: z.array(z.object({ n: z.coerce.number(), t: z.string() })),
})
const page = 500

/** The last lines of the log of a task; none when it cannot be read or there is none yet. */
async function logOf(reading: TaskReading, upid: string, patience: Patience): Promise<readonly string[]> {
  const first = await logPage(reading, { upid, start: 0 }, patience)
  const { total = 0 } = first ?? {}
  const last = total > page ? await logPage(reading, { upid, start: total - keptLines }, patience) : first
  const lines = (last?.data ?? []).toSorted((a, b) => a.n - b.n).map(({ t }) => t.slice(0, 500))
  return lines.length === 1 && lines[0] === 'no content' ? [] : lines.filter((line) => line.trim() !== '')
}

async function logPage(
  { api, clock }: TaskReading,
  { upid, start }: { readonly upid: string; readonly start: number },
  patience: Patience,
): Promise<z.output<typeof logReply> | undefined> {
  const path = `${taskPath(upid)}/log?start=${start}&limit=${page}`
  // The log only illustrates: an end that is known is told without it.
  const reply = await api.read(path, bounded(clock, patience)).catch(() => undefined)
  return reply?.status === 200 ? logReply.safeParse(parseJson(reply.text)).data : undefined
}

function taskPath(upid: string): string | undefined {
  const node = parseUpid(upid)?.node
  return node === undefined ? undefined : `/nodes/${encodeURIComponent(node)}/tasks/${encodeURIComponent(upid)}`
}

/** One look at a node that hangs must not use up the whole time: 596 comes after 30 s. */
const bounded = (clock: Clock, patience: Patience): Patience => ({
  ...patience,
  untilMs: Math.min(patience.untilMs, clock.elapsedMs() + oneReplyMs),
  maxOutputBytes: oneReplyBytes,
})
