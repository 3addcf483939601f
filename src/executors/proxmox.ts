import type { ProxmoxConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor, Limits } from '../core/executor.ts'
import type { Operation, Outcome, Request } from '../core/operation.ts'
import { parseUpid } from '../formats/proxmox-upid.ts'
import type { Clock } from '../lib/clock.ts'
import { parseJson } from '../lib/json.ts'
import { type Patience, type ProxmoxApi, proxmoxApi } from './proxmox-api.ts'
import { outcomeOf } from './proxmox-outcome.ts'
import { asParameters } from './proxmox-parameters.ts'
import { reconcileOnProxmox } from './proxmox-reconcile.ts'
import { endOfTask } from './proxmox-task.ts'

/**
 * Performs requests on the REST API of one Proxmox VE cluster, with an API token; paths stand below /api2/json.
 * A write that starts a task ends with the task: `{"data": UPID, "exitstatus": "OK", "log": […]}`.
 */
export function openProxmox(id: string, connection: ProxmoxConnection, clock: Clock): Executor {
  const parts: Parts = { api: proxmoxApi(id, connection, clock), clock, tokenId: connection.tokenId }
  return {
    async perform(operation, limits) {
      const request = requestOf(operation)
      if (limits.signal.aborted) throw new GatewayError('cancelled', 'the caller cancelled before it began')
      const began = clock.elapsedMs()
      const outcome = await performed(parts, request, limits)
      return { ...outcome, durationMs: clock.elapsedMs() - began }
    },
    reconcile: (operation, sent) => reconcileOnProxmox(parts, requestOf(operation), sent),
    close: async () => parts.api.close(),
  }
}

interface Parts {
  readonly api: ProxmoxApi
  readonly clock: Clock
  readonly tokenId: string | undefined
}

function requestOf(operation: Operation): Request {
  if (operation.kind === 'request') return operation
  throw new GatewayError('internal', `Proxmox VE performs requests, no ${operation.kind}s`)
}

async function performed(parts: Parts, request: Request, limits: Limits): Promise<Omit<Outcome, 'durationMs'>> {
  const { api, clock, tokenId } = parts
  const { signal, timeoutMs, maxOutputBytes } = limits
  const patience: Patience = { signal, timeoutMs, maxOutputBytes, untilMs: clock.elapsedMs() + timeoutMs }
  const asked = { request, tokenId }
  if (request.method === 'GET') return outcomeOf(await api.read(asParameters(request).path, patience), asked)
  const outcome = outcomeOf(await api.write(request, patience), asked)
  const upid = outcome.ok ? upidIn(outcome.output) : undefined
  if (upid === undefined) return outcome
  limits.onRef?.(upid)
  return endOfTask(parts, upid, { limits, patience })
}

function upidIn(output: string): string | undefined {
  const body = parseJson(output)
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined
  return typeof data === 'string' && parseUpid(data) !== undefined ? data : undefined
}
