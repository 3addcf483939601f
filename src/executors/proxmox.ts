import type { ProxmoxConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor, Limits } from '../core/executor.ts'
import type { Operation, Outcome, Request } from '../core/operation.ts'
import { parseUpid } from '../formats/proxmox-upid.ts'
import type { Clock } from '../lib/clock.ts'
import { parseJson } from '../lib/json.ts'
import { agentRun, reconcileAgentRun, runByAgent } from './proxmox-agent.ts'
import { type Patience, proxmoxApi } from './proxmox-api.ts'
import { askerOf } from './proxmox-login.ts'
import { outcomeOf } from './proxmox-outcome.ts'
import { asParameters } from './proxmox-parameters.ts'
import { reconcileOnProxmox, unnamedTask } from './proxmox-reconcile.ts'
import { endOfTask, remember, type TaskReading } from './proxmox-task.ts'

/**
 * Performs requests on the REST API of one Proxmox VE cluster, with an API token or a login; paths stand below /api2/json.
 * A write that starts a task ends with the task: `{"data": UPID, "exitstatus": "OK", "log": […]}`; one that has the agent of a
 * virtual machine start a program ends as a command does, with what the program printed and its exit code.
 */
export function openProxmox(id: string, connection: ProxmoxConnection, clock: Clock): Executor {
  const api = proxmoxApi(id, connection, clock)
  const parts: TaskReading = { api, clock, asker: askerOf(connection), known: new Map() }
  return {
    async perform(operation, limits) {
      const request = requestOf(operation)
      if (limits.signal.aborted) throw new GatewayError('cancelled', 'the caller cancelled before it began')
      const began = clock.elapsedMs()
      const run = agentRun(id, request)
      const outcome =
        run === undefined
          ? cut(await performed(parts, request, limits), limits.maxOutputBytes)
          : await runByAgent(parts, request, { run, limits })
      return { ...outcome, durationMs: clock.elapsedMs() - began }
    },
    async reconcile(operation, sent) {
      const request = requestOf(operation)
      const run = agentRun(id, request)
      return run === undefined ? reconcileOnProxmox(parts, request, sent) : reconcileAgentRun(parts, run, sent)
    },
    close: async () => api.close(),
  }
}

function requestOf(operation: Operation): Request {
  if (operation.kind === 'request') {
    if (operation.path.startsWith('/')) return operation
    throw new GatewayError('invalid_input', `${JSON.stringify(operation.path.slice(0, 200))} is no path of Proxmox VE`)
  }
  throw new GatewayError('internal', `Proxmox VE performs requests, no ${operation.kind}s`)
}

async function performed(parts: TaskReading, request: Request, limits: Limits): Promise<Omit<Outcome, 'durationMs'>> {
  const { api, clock, asker } = parts
  const { signal, timeoutMs, maxOutputBytes } = limits
  const patience: Patience = { signal, maxOutputBytes, untilMs: clock.elapsedMs() + timeoutMs }
  const asked = { request, asker }
  if (request.method === 'GET') return outcomeOf(await api.read(asParameters(request).path, patience), asked)
  const roomy = { ...patience, maxOutputBytes: Math.max(maxOutputBytes, roomForUpid) }
  const at = clock.now()
  const outcome = outcomeOf(await api.write(request, roomy), asked)
  const sent = { at, step: '', patience }
  const upid = outcome.ok ? (upidIn(outcome.output) ?? (await unnamedTask(parts, request, sent))) : undefined
  if (upid === undefined) return outcome
  remember(parts, upid, limits.step ?? answered)
  limits.onRef?.(upid)
  return endOfTask(parts, upid, { limits, patience })
}

/** The answer to a write is read whole: a UPID that was cut off would make a success of a task that only began. */
const roomForUpid = 64 * 1024

function cut<O extends Omit<Outcome, 'durationMs'>>(outcome: O, maxBytes: number): O {
  const bytes = Buffer.from(outcome.output)
  if (bytes.length <= maxBytes) return outcome
  const output = new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: true })
  return { ...outcome, output, truncated: true }
}

/** Of a write that is no step of a plan, and whose answer came. */
const answered = 'answered'

function upidIn(output: string): string | undefined {
  const body = parseJson(output)
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined
  return typeof data === 'string' && parseUpid(data) !== undefined ? data : undefined
}
