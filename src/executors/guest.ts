import type { GuestConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor } from '../core/executor.ts'
import { type Command, command, type Operation, type Outcome } from '../core/operation.ts'
import type { Clock } from '../lib/clock.ts'
import { checkArguments } from './arguments.ts'
import { openAgent } from './guest-agent.ts'

export interface GuestOptions {
  readonly id: string
  readonly connection: GuestConnection
  /** Texts of our scripts by name. */
  readonly scripts: Readonly<Record<string, string>>
  readonly clock: Clock
  /** Who performs on a target that carries operations of guests. @throws GatewayError denied: it does not grant guest:exec */
  carrier(id: string): Executor
}

/** Performs operations as root inside a guest: in a container by `pct exec` on its node, in a virtual machine by its agent. */
export function openGuest(options: GuestOptions): Executor {
  const argvOf = (operation: Operation) => innerArgv(options, operation)
  if (options.connection.guest === 'qemu')
    return openAgent({ connection: options.connection, carrier: (id) => options.carrier(id), argvOf })
  return {
    async perform(operation, limits) {
      const wrapped = onNode(options.connection, operation, argvOf(operation))
      const outcome = await nodeOf(options).perform(wrapped, limits)
      throwIfNotBegun(options, outcome)
      return outcome
    },
    async reconcile(operation, sent) {
      try {
        return await nodeOf(options).reconcile(onNode(options.connection, operation, argvOf(operation)), sent)
      } catch (error) {
        return { state: 'unknown', reason: GatewayError.from(error).message }
      }
    },
    async close() {
      // Its node's connection is closed by who opened it.
    },
  }
}

function innerArgv({ scripts }: GuestOptions, operation: Operation): Command['argv'] {
  if (operation.kind === 'request')
    throw new GatewayError('internal', 'a machine performs commands and scripts, no requests')
  if (operation.kind === 'command') {
    checkArguments(operation.argv)
    return operation.argv
  }
  const text = scripts[operation.name]
  if (text === undefined) throw new GatewayError('internal', `there is no script ${operation.name}`)
  const argv: Command['argv'] = ['sh', '-c', text, 'sh', ...operation.args]
  checkArguments(argv)
  return argv
}

/** The environment of the login on the node stays there. */
const onNode = ({ vmid }: GuestConnection, { stdin }: Operation, argv: Command['argv']): Command =>
  command(['pct', 'exec', String(vmid), '--keep-env', '0', '--', ...argv], { stdin, asRoot: true })

function nodeOf({ id, connection: { node, nodeTarget, cluster }, carrier }: GuestOptions): Executor {
  if (nodeTarget !== undefined) return carrier(nodeTarget)
  throw new GatewayError('unsupported_target', `${id}: nothing says how node ${node} is reached`, {
    hint: `the operator can add connection.nodes: { ${node}: <id of its ssh target> } or discovery.ssh to ${cluster} in targets.yaml`,
  })
}

/** What pct itself says, and nothing else: then nothing was started inside. */
function throwIfNotBegun({ id, connection }: GuestOptions, { ok, status, output, errorOutput }: Outcome): void {
  if (ok || output !== '') return
  const { vmid, node, nodeTarget } = connection
  const said = errorOutput.trim()
  if (new RegExp(`^container '?${vmid}'? not running!?$`, 'i').test(said))
    throw new GatewayError('unreachable', `${id} is not running`, { hint: 'start it with proxmox_manage_guest' })
  if (/^Configuration file '.*\.conf' does not exist$/.test(said))
    throw new GatewayError('unreachable', `${id} is no longer on node ${node}`, {
      hint: 'run_discovery shows where it is now',
    })
  if (status === 127 && /(^|[ :])pct: (command )?not found$/.test(said))
    throw new GatewayError('unreachable', `${id}: ${nodeTarget} has no program pct`, {
      hint: `is ${nodeTarget} really the Proxmox node ${node}?`,
    })
}
