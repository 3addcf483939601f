import { z } from 'zod'
import { agentFailure } from '../core/agent-failure.ts'
import { GatewayError } from '../core/errors.ts'
import type { Limits, Reconciled, Sent } from '../core/executor.ts'
import type { Outcome, Request } from '../core/operation.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import type { Patience } from './proxmox-api.ts'
import { outcomeOf } from './proxmox-outcome.ts'
import type { TaskReading } from './proxmox-task.ts'

/** A program that the agent of a virtual machine is asked to run. */
export interface AgentRun {
  readonly id: string
  readonly node: string
  readonly vmid: string
  readonly path: string
}

const execPath = /^(\/nodes\/([^/]+)\/qemu\/(\d+)\/agent)\/exec$/

/** The program that a request starts inside a virtual machine of a cluster, where it is such a request. */
export function agentRun(cluster: string, { method, path }: Request): AgentRun | undefined {
  const [, base, node = '', vmid = ''] = (method === 'POST' && execPath.exec(path)) || []
  return base === undefined ? undefined : { id: `pve:${cluster}/${vmid}`, node, vmid, path: base }
}

const yes = z.union([z.boolean(), z.number()]).transform(Boolean)

const started = z.object({ pid: z.number().int() })

const statusReply = z.object({
  exited: yes,
  exitcode: z.number().optional(),
  signal: z.number().optional(),
  'out-data': z.string().optional(),
  'err-data': z.string().optional(),
  'out-truncated': yes.optional(),
  'err-truncated': yes.optional(),
})

type Status = z.output<typeof statusReply>

/** The agent itself keeps at most 16 MiB of each stream. */
const maxReplyBytes = 48 * 2 ** 20
const oneReplyMs = 35_000
const firstPauseMs = 100
const longestPauseMs = 1000

interface Asking {
  readonly reading: TaskReading
  readonly run: AgentRun
  readonly patience: Patience
}

/**
 * Has the agent start a program, and waits for its end: the outcome is that of the program.
 * @throws GatewayError unreachable: no agent; timeout, cancelled (the program goes on), interrupted; as proxmoxData
 */
export async function runByAgent(
  reading: TaskReading,
  request: Request,
  { run, limits }: { readonly run: AgentRun; readonly limits: Limits },
): Promise<Omit<Outcome, 'durationMs'>> {
  const { clock } = reading
  const untilMs = clock.elapsedMs() + limits.timeoutMs
  const asking = { reading, run, patience: { signal: limits.signal, untilMs, maxOutputBytes: maxReplyBytes } }
  const pid = await begin(asking, request)
  limits.onRef?.(String(pid))
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const status = await lookAgain(asking, pid)
    if (status?.exited === true) return endOf(status, limits.maxOutputBytes)
    if (clock.elapsedMs() + pauseMs >= untilMs) throw goesOn(run, pid, limits.timeoutMs)
    await clock.sleep(pauseMs, limits.signal).catch(() => undefined)
    if (limits.signal.aborted) throw cancelled(run, pid)
  }
}

const goesOn = ({ id }: AgentRun, pid: number, ms: number) =>
  new GatewayError('timeout', `no end within ${ms} ms; process ${pid} of ${id} may go on`, {
    hint: 'timeout_s of the call, or constraints.timeout of the cluster, is the limit of waiting',
  })

const cancelled = ({ id }: AgentRun, pid: number) =>
  new GatewayError('cancelled', `the caller cancelled; process ${pid} of ${id} may go on`)

/** What Proxmox VE takes (API schema 9.2). */
const maxInput = 65_536

async function begin({ reading, run, patience }: Asking, request: Request): Promise<number> {
  const { body } = request
  const input = typeof body === 'object' && body !== null && 'input-data' in body ? body['input-data'] : undefined
  if (typeof input === 'string' && input.length > maxInput)
    throw new GatewayError('invalid_input', `the guest agent takes at most ${maxInput} characters of input`)
  const reply = await reading.api.write(request, patience)
  const outcome = { ...outcomeOf(reply, { request, asker: reading.asker }), durationMs: 0 }
  const refused = agentFailure(outcome, run)
  if (refused !== undefined) throw refused
  return proxmoxData(outcome, started, 'the guest agent').pid
}

/** Undefined where nobody answered: looking again does no harm. @throws GatewayError cancelled, interrupted: its end cannot be known */
async function lookAgain(asking: Asking, pid: number): Promise<Status | undefined> {
  try {
    return await look(asking, pid)
  } catch (error) {
    if (asking.patience.signal?.aborted === true) throw cancelled(asking.run, pid)
    const { code, message } = GatewayError.from(error)
    if (code === 'unreachable' || code === 'interrupted' || code === 'timeout') return undefined
    throw new GatewayError('interrupted', `process ${pid} was begun, and nothing is told of it: ${message}`)
  }
}

async function look({ reading, run, patience }: Asking, pid: number): Promise<Status> {
  const path = `${run.path}/exec-status?pid=${pid}`
  const untilMs = Math.min(patience.untilMs, reading.clock.elapsedMs() + oneReplyMs)
  const reply = await reading.api.read(path, { ...patience, untilMs })
  const outcome = outcomeOf(reply, { request: { method: 'GET', path }, asker: reading.asker })
  return proxmoxData({ ...outcome, durationMs: 0 }, statusReply, 'the guest agent')
}

function endOf(status: Status, maxBytes: number): Omit<Outcome, 'durationMs'> {
  const code = status.exitcode ?? (status.signal === undefined ? 0 : 128 + status.signal)
  const out = cut(status['out-data'] ?? '', maxBytes)
  const err = cut(status['err-data'] ?? '', maxBytes)
  return {
    ok: code === 0,
    status: code,
    output: out.text,
    errorOutput: err.text,
    truncated: out.truncated || err.truncated || status['out-truncated'] === true || status['err-truncated'] === true,
  }
}

function cut(text: string, maxBytes: number) {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return { text, truncated: false }
  return { text: new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: true }), truncated: true }
}

/** The agent remembers an end until somebody asked for it; without the number of the process nobody can ask. */
export async function reconcileAgentRun(reading: TaskReading, run: AgentRun, { ref }: Sent): Promise<Reconciled> {
  const pid = Number(ref)
  if (ref === undefined || !Number.isSafeInteger(pid))
    return { state: 'unknown', reason: `it is not known whether it was started: look inside ${run.id}` }
  const patience = { untilMs: reading.clock.elapsedMs() + reconcileMs, maxOutputBytes: maxReplyBytes }
  try {
    const status = await look({ reading, run, patience }, pid)
    if (!status.exited) return { state: 'running' }
    const outcome = { ...endOf(status, keptBytes), durationMs: 0 }
    return { state: outcome.ok ? 'done' : 'failed', outcome }
  } catch (error) {
    return { state: 'unknown', reason: `the guest agent tells nothing: ${GatewayError.from(error).message}` }
  }
}

const reconcileMs = 20_000
const keptBytes = 256 * 1024
