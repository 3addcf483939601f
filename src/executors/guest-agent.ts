import { z } from 'zod'
import type { GuestConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor, Limits, Reconciled, Sent } from '../core/executor.ts'
import { get, type Operation, type Outcome, post } from '../core/operation.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import type { Clock } from '../lib/clock.ts'

export interface AgentOptions {
  readonly id: string
  readonly connection: GuestConnection
  readonly clock: Clock
  /** @throws GatewayError denied */
  carrier(id: string): Executor
  /** The program and its arguments. */
  argvOf(operation: Operation): readonly string[]
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

/** What Proxmox VE takes (API schema 9.2). */
const maxInput = 65_536
/** The agent itself keeps at most 16 MiB of each stream. */
const maxReplyBytes = 48 * 2 ** 20
const firstPauseMs = 100
const longestPauseMs = 1000

/** Performs operations inside a virtual machine by its guest agent, over the API of its cluster. */
export function openAgent(options: AgentOptions): Executor {
  return {
    async perform(operation, limits) {
      const began = options.clock.elapsedMs()
      const patient = { ...limits, untilMs: began + limits.timeoutMs }
      const pid = await begin(options, operation, patient)
      limits.onRef?.(String(pid))
      const end = await endOf(options, pid, patient)
      return outcomeOf(end, limits.maxOutputBytes, options.clock.elapsedMs() - began)
    },
    reconcile: (_operation, sent) => reconcile(options, sent),
    async close() {
      // The connection of its cluster is closed by who opened it.
    },
  }
}

interface Patience extends Limits {
  /** By the clock's elapsedMs. */
  readonly untilMs: number
}

/** What the API is asked with: neither step nor handle is its own. */
const limitsOf = ({ signal, untilMs }: Patience, clock: Clock): Limits => ({
  signal,
  timeoutMs: Math.max(1, untilMs - clock.elapsedMs()),
  maxOutputBytes: maxReplyBytes,
})

const baseOf = ({ node, vmid }: GuestConnection): string => `/nodes/${encodeURIComponent(node)}/qemu/${vmid}/agent`

async function begin(options: AgentOptions, operation: Operation, patience: Patience): Promise<number> {
  const { connection, clock, carrier } = options
  const body = { command: options.argvOf(operation), 'input-data': operation.stdin || undefined }
  if ((operation.stdin?.length ?? 0) > maxInput)
    throw new GatewayError('invalid_input', `the guest agent takes at most ${maxInput} characters of input`)
  const asked = post(`${baseOf(connection)}/exec`, body)
  const outcome = await carrier(connection.cluster).perform(asked, limitsOf(patience, clock))
  throwIfNoAgent(options, outcome)
  return proxmoxData(outcome, started, 'the guest agent').pid
}

async function endOf(options: AgentOptions, pid: number, patience: Patience): Promise<Status> {
  const { id, clock } = options
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const status = await statusOf(options, pid, limitsOf(patience, clock))
    if (status.exited) return status
    if (clock.elapsedMs() + pauseMs >= patience.untilMs)
      throw new GatewayError('timeout', `no end within ${patience.timeoutMs} ms; process ${pid} of ${id} may go on`, {
        hint: 'constraints.timeout of the cluster is the limit',
      })
    await clock.sleep(pauseMs, patience.signal).catch(() => undefined)
    if (patience.signal.aborted)
      throw new GatewayError('cancelled', `the caller cancelled; process ${pid} of ${id} may go on`)
  }
}

async function statusOf({ connection, carrier }: AgentOptions, pid: number, limits: Limits): Promise<Status> {
  const outcome = await carrier(connection.cluster).perform(get(`${baseOf(connection)}/exec-status?pid=${pid}`), limits)
  return proxmoxData(outcome, statusReply, 'the guest agent')
}

function outcomeOf(status: Status, maxBytes: number, durationMs: number): Outcome {
  const code = status.exitcode ?? (status.signal === undefined ? 0 : 128 + status.signal)
  const out = cut(status['out-data'] ?? '', maxBytes)
  const err = cut(status['err-data'] ?? '', maxBytes)
  return {
    ok: code === 0,
    status: code,
    output: out.text,
    errorOutput: err.text,
    truncated: out.truncated || err.truncated || status['out-truncated'] === true || status['err-truncated'] === true,
    durationMs,
  }
}

function cut(text: string, maxBytes: number) {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return { text, truncated: false }
  return { text: new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: true }), truncated: true }
}

/** The agent remembers an end until somebody asked for it. */
async function reconcile(options: AgentOptions, { ref }: Sent): Promise<Reconciled> {
  const pid = Number(ref)
  if (ref === undefined || !Number.isSafeInteger(pid))
    return { state: 'unknown', reason: 'it is not known whether it was started' }
  const limits = { signal: new AbortController().signal, timeoutMs: 20_000, maxOutputBytes: maxReplyBytes }
  try {
    const status = await statusOf(options, pid, limits)
    if (!status.exited) return { state: 'running' }
    const outcome = outcomeOf(status, 256 * 1024, 0)
    return { state: outcome.ok ? 'done' : 'failed', outcome }
  } catch (error) {
    return { state: 'unknown', reason: `the guest agent tells nothing: ${GatewayError.from(error).message}` }
  }
}

function throwIfNoAgent({ id, connection: { vmid, node } }: AgentOptions, { ok, errorOutput }: Outcome): void {
  if (ok) return
  if (/no .*guest agent configured/i.test(errorOutput))
    throw new GatewayError('unreachable', `${id} has no guest agent configured`, {
      hint: `on its node: qm set ${vmid} --agent 1; and install qemu-guest-agent inside it`,
    })
  if (/guest agent is not running/i.test(errorOutput))
    throw new GatewayError('unreachable', `the guest agent of ${id} is not running`, {
      hint: 'install and start qemu-guest-agent inside it, or let discovery.ssh say how it is reached',
    })
  if (/^VM \d+ is not running/.test(errorOutput))
    throw new GatewayError('unreachable', `${id} is not running`, { hint: 'start it with proxmox_manage_guest' })
  if (/^Configuration file '.*' does not exist/.test(errorOutput))
    throw new GatewayError('unreachable', `${id} is no longer on node ${node}`, {
      hint: 'run_discovery shows where it is now',
    })
}
