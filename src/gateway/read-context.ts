import type { Context } from '../core/context.ts'
import { effectOf } from '../core/effect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor } from '../core/executor.ts'
import type { Operation } from '../core/operation.ts'
import type { Target } from '../core/target.ts'
import { describe } from './describe.ts'
import type { Gateway } from './gateway.ts'
import type { Call } from './request.ts'

const maxReadBytes = 1024 * 1024
/** Of the gateway's own stores, which it bounds itself: a fleet of thousands is a few MiB. */
const maxOwnBytes = 32 * 1024 * 1024

/** What a tool gets to work with on one target: reads, and nothing else. */
export function readContext(gateway: Gateway, request: Call, target: Target, signal: AbortSignal): Context {
  return {
    caller: request.caller,
    target,
    signal,
    now: gateway.clock.now(),
    remembered: () => ({
      seenAt: gateway.fleet.sources().find(({ source }) => source === target.id)?.seenAt,
      resources: gateway.fleet.resourcesOf(target.id),
    }),
    progress: (message) => request.progress?.(message),
    async read(operation) {
      if (effectOf(operation) !== 'read') {
        throw new GatewayError('internal', `${request.tool.name} tried to write while reading`, {
          cause: new TypeError(describe(operation)),
        })
      }
      const timeoutMs = operation.timeoutMs ?? target.constraints.timeoutMs
      return carrierOf(gateway, target, operation).perform(operation, {
        signal,
        timeoutMs,
        maxOutputBytes: target.kind === 'gateway' ? maxOwnBytes : maxReadBytes,
      })
    },
  }
}

/**
 * A node carries operations of its guests; the cluster snapshots its guests, which the caller must be allowed there as well;
 * the gateway itself and the guest only test whether a guest does its work.
 */
function mayCarry(carrier: Target, target: Target, operation: Operation): boolean {
  if (carrier.id === target.id || carrier.capabilities.includes('guest:exec')) return true
  if (carrier.kind === 'proxmox') return target.guest?.cluster === carrier.id
  if (carrier.kind === 'guest') return operation.kind === 'script' && operation.name === 'write/until-success'
  return carrier.kind === 'gateway' && operation.kind === 'request' && operation.path.startsWith('probe:')
}

/** Who performs an operation: the addressed target, or the one it names as its carrier, which must grant guest:exec. */
export function carrierOf(gateway: Gateway, target: Target, operation: Operation): Executor {
  if (operation.on === undefined) return gateway.targets.executor(target)
  const carrier = gateway.targets.all.find(({ id }) => id === operation.on)
  if (carrier === undefined || !mayCarry(carrier, target, operation)) {
    throw new GatewayError('denied', `${operation.on} does not carry operations of ${target.id}`, {
      hint: `the operator can add guest:exec to the capabilities of ${operation.on} in targets.yaml`,
    })
  }
  return gateway.targets.executor(carrier)
}
