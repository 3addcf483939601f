import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Reconciled, Sent } from '../core/executor.ts'
import type { Outcome, Request } from '../core/operation.ts'
import { type TaskRow, taskEnd, tasksReply } from '../formats/proxmox-tasks.ts'
import { parseUpid } from '../formats/proxmox-upid.ts'
import { parseJson } from '../lib/json.ts'
import type { Patience } from './proxmox-api.ts'
import { type Answer, type Evidence, evidenceOf } from './proxmox-evidence.ts'
import { outcomeOf } from './proxmox-outcome.ts'
import { isGoodEnd, lookAtTask, remember, type TaskReading } from './proxmox-task.ts'
import { type ExpectedTask, expectedTask } from './proxmox-task-types.ts'

const lookForMs = 60_000
/** A request that was lost may still begin: a node passes it on to another one for 30 s (observed 9.2: 596 after 30.0 s). */
const maySettleMs = 35_000
const lookEveryMs = 2000
const clockToleranceMs = 2000
const daySeconds = 86_400

/** What became of a write whose end was lost, by the account that Proxmox VE keeps of its tasks. It only reads, and never guesses. */
export async function reconcileOnProxmox(reading: TaskReading, request: Request, sent: Sent): Promise<Reconciled> {
  const untilMs = reading.clock.elapsedMs() + lookForMs
  const patience: Patience = { untilMs, maxOutputBytes: 4 * 1024 * 1024 }
  const search = { reading, patience, sent }
  try {
    if (sent.ref !== undefined) return await byTask(search, sent.ref)
    const expected = expectedTask(request)
    const evidence = evidenceOf(request)
    if (expected !== undefined) return await bySearch(search, expected, evidence)
    if (evidence !== undefined) return await byState(search, evidence, { why: 'no task tells of it', aheadMs: 0 })
    return unknown(`Proxmox keeps no account of ${request.method} ${request.path}: look at it`)
  } catch (error) {
    return unknown(`the cluster cannot be asked: ${GatewayError.from(error).message}`)
  }
}

/** Answered with null although it begins a task. Source: PVE::API2::LXC, template. */
const unnamed = /\/lxc\/\d+\/template$/

/** The UPID of the task that this write, which was answered, began without naming it. Undefined where nobody can tell: the guest will. */
export async function unnamedTask(
  reading: TaskReading,
  request: Request,
  { patience, ...sent }: Sent & { readonly patience: Patience },
): Promise<string | undefined> {
  const expected = unnamed.test(request.path) ? expectedTask(request) : undefined
  if (expected === undefined) return undefined
  const search = { reading, patience, sent }
  // A list that cannot be read must not make a failure of a write that was taken.
  const listed = await list(search, listPath(sent, expected)).catch(() => undefined)
  const [only, another] = ours(search, expected, listed)
  return another === undefined ? only?.upid : undefined
}

interface Search {
  readonly reading: TaskReading
  readonly patience: Patience
  readonly sent: Sent
}

const unknown = (reason: string): Reconciled => ({ state: 'unknown', reason })

/** How the task of a UPID stands; of a node that is gone, what it told the others before. */
async function byTask(search: Search, upid: string): Promise<Reconciled> {
  const seen = await lookAtTask(search.reading, upid, search.patience)
  if (seen.state === 'running') return seen
  if (seen.state === 'ended') return ended(seen.outcome)
  const row = seen.again ? (await list(search, '/cluster/tasks'))?.rows.find((task) => task.upid === upid) : undefined
  return (row && byRow(row)) ?? unknown(seen.reason)
}

const ended = (outcome: Omit<Outcome, 'durationMs'>): Reconciled => ({
  state: outcome.ok ? 'done' : 'failed',
  outcome: { ...outcome, durationMs: 0 },
})

/** A row tells ends only: whether it still runs, nobody can say for a node that is gone. */
function byRow(row: TaskRow): Reconciled | undefined {
  const end = taskEnd(row)
  const { status = '', upid } = row
  if (end === 'running' || end === 'unknown') return undefined
  const output = JSON.stringify({ data: upid, exitstatus: status, log: [] })
  const errorOutput = status === 'OK' ? '' : status
  return ended({ ok: isGoodEnd(status), status: 200, output, errorOutput, truncated: false })
}

/** Looks for a task of ours that this write would have started, until none can begin any more. */
async function bySearch(search: Search, expected: ExpectedTask, evidence: Evidence | undefined): Promise<Reconciled> {
  const { clock } = search.reading
  for (;;) {
    const listed = await list(search, listPath(search.sent, expected))
    const found = ours(search, expected, listed ?? (await list(search, '/cluster/tasks')))
    const [first, second] = found
    if (second !== undefined)
      return unknown(`${found.length} tasks may be it: ${found.map(({ upid }) => upid).join(' ')}`)
    if (first !== undefined) {
      remember(search.reading, first.upid, search.sent.step)
      return byTask(search, first.upid)
    }
    if (listed === undefined) return unknown(`the tasks of node ${expected.node} cannot be read`)
    if (Math.abs(listed.aheadMs) > daySeconds * 500) return unknown(`the clock of ${expected.node} is not that of here`)
    const waited = clock.now().getTime() - search.sent.at.getTime()
    if (evidence === undefined)
      return unknown(`${none(expected)}, and nothing else tells whether it was done: look at the guest`)
    if (waited >= maySettleMs) return byState(search, evidence, { why: none(expected), aheadMs: listed.aheadMs })
    await clock.sleep(Math.min(lookEveryMs, maySettleMs - waited))
  }
}

const none = ({ types, node }: ExpectedTask): string => `no ${types.join(' or ')} task of ours began on ${node}`

interface Listed {
  readonly rows: readonly TaskRow[]
  /** What the clock of who answered is ahead of ours. */
  readonly aheadMs: number
}

/** `since` is generous: the clocks may differ, and are compared afterwards. */
function listPath({ at }: Sent, { node, vmid }: ExpectedTask): string {
  const since = Math.floor(at.getTime() / 1000) - daySeconds
  return `/nodes/${node}/tasks?source=all&limit=500&since=${since}${vmid === undefined ? '' : `&vmid=${vmid}`}`
}

async function list({ reading, patience }: Search, path: string): Promise<Listed | undefined> {
  const reply = await reading.api.read(path, patience)
  const parsed = z.object({ data: tasksReply }).safeParse(parseJson(reply.text))
  if (reply.status !== 200 || !parsed.success) return undefined
  const now = reading.clock.now()
  return { rows: parsed.data.data, aheadMs: (reply.date ?? now).getTime() - now.getTime() }
}

function ours({ reading, sent }: Search, expected: ExpectedTask, listed: Listed | undefined): readonly TaskRow[] {
  const sentAt = sent.at.getTime() + (listed?.aheadMs ?? 0)
  return (listed?.rows ?? []).filter(({ upid, starttime, type }) => {
    const { user, id, node } = parseUpid(upid) ?? {}
    const startedMs = starttime * 1000
    return (
      expected.types.includes(type) &&
      user === reading.asker &&
      (reading.known.get(upid) ?? sent.step) === sent.step &&
      node === expected.node &&
      (expected.vmid === undefined || id === expected.vmid) &&
      startedMs >= sentAt - clockToleranceMs &&
      startedMs <= sentAt + maySettleMs + clockToleranceMs
    )
  })
}

interface Searched {
  /** What was looked for and not found. */
  readonly why: string
  /** What the clock of the node is ahead of ours. */
  readonly aheadMs: number
}

/** No task tells: the state of things must. As before once nothing can begin any more, it was not done. */
async function byState(search: Search, evidence: Evidence, { why, aheadMs }: Searched): Promise<Reconciled> {
  const { clock } = search.reading
  const sentMs = search.sent.at.getTime()
  for (;;) {
    const answers: Answer[] = []
    for (const path of evidence.paths) answers.push(await answerTo(search, path))
    const nowMs = clock.now().getTime()
    const times = { sent: (sentMs + aheadMs) / 1000, now: (nowMs + aheadMs) / 1000 }
    const verdict = evidence.judge(answers, times)
    if (typeof verdict === 'object') return unknown(`${why}, ${verdict.otherwise}: look at it`)
    if (verdict === 'as wanted') return ended({ ...doneAtOnce, errorOutput: '' })
    const waited = nowMs - sentMs
    if (waited >= maySettleMs)
      return ended({
        ...doneAtOnce,
        ok: false,
        status: 0,
        output: '',
        errorOutput: `it was not done: ${why}, and all is as before`,
      })
    await clock.sleep(Math.min(lookEveryMs, maySettleMs - waited))
  }
}

const doneAtOnce = { ok: true, status: 200, output: '{"data":null}', truncated: false } as const

/** What the API says of a guest, or of a snapshot of it, that is not there. */
const notThere = /does not exist|unable to find configuration file|no such (vm|ct|guest)/i
const dataReply = z.object({ data: z.unknown() })

async function answerTo({ reading, patience }: Search, path: string): Promise<Answer> {
  const reply = await reading.api.read(path, patience)
  const { status, output, errorOutput } = outcomeOf(reply, { request: { method: 'GET', path }, asker: reading.asker })
  const parsed = dataReply.safeParse(parseJson(output))
  return { status, data: parsed.data?.data, gone: status === 500 && notThere.test(errorOutput) }
}
