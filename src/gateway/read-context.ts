import type { Context } from '../core/context.ts'
import { effectOf } from '../core/effect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor } from '../core/executor.ts'
import type { Operation } from '../core/operation.ts'
import type { Target } from '../core/target.ts'
import type { Call } from './call.ts'
import type { Gateway } from './gateway.ts'

const maxReadBytes = 1024 * 1024

/** What a tool gets to work with on one target: reads, and nothing else. */
export function readContext(gateway: Gateway, request: Call, target: Target, signal: AbortSignal): Context {
  return {
    caller: request.caller,
    target,
    signal,
    now: gateway.clock.now(),
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
        maxOutputBytes: maxReadBytes,
      })
    },
  }
}

/** Who performs an operation: the addressed target, or the one it names as its carrier, which must grant guest:exec. */
export function carrierOf(gateway: Gateway, target: Target, operation: Operation): Executor {
  if (operation.on === undefined) return gateway.targets.executor(target)
  const carrier = gateway.targets.all.find(({ id }) => id === operation.on)
  if (carrier?.capabilities.includes('guest:exec') !== true) {
    throw new GatewayError('denied', `${operation.on} does not carry operations of ${target.id}`, {
      hint: `the operator can add guest:exec to the capabilities of ${operation.on} in targets.yaml`,
    })
  }
  return gateway.targets.executor(carrier)
}

/** An operation in words, for people: `systemctl restart -- nginx.service`, `POST /jobs/1`, `write/replace-file /etc/motd`. */
export function describe(operation: Operation): string {
  const on = operation.on === undefined ? '' : ` on ${operation.on}`
  switch (operation.kind) {
    case 'command':
      return `${operation.argv.map(shown).join(' ')}${on}`
    case 'request':
      return `${operation.method} ${operation.path}${on}`
    case 'script':
      return `${[operation.name, ...operation.args.map(shown)].join(' ')}${on}`
  }
}

const shown = (arg: string): string => {
  const short = arg.length > 120 ? `${arg.slice(0, 120)}…` : arg
  return /^[\w@%+=:,./-]+$/.test(short) ? short : JSON.stringify(short)
}
