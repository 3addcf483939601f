import type { Connection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor } from '../core/executor.ts'
import type { Target } from '../core/target.ts'
import { openDocker } from './docker.ts'
import { openGuest } from './guest.ts'
import { openHttp } from './http.ts'
import { limited } from './limits.ts'
import { type LocalOptions, openLocal } from './local.ts'
import { openProxmox } from './proxmox.ts'
import { openSsh } from './ssh.ts'
import type { SshLinks } from './ssh-links.ts'

/** What executors are made of. */
export interface ExecutorParts extends Omit<LocalOptions, 'sudo'> {
  /** Performs on the gateway itself. */
  readonly gateway: Executor
  /** Connections that ssh targets share: one jumps over another. */
  readonly sshLinks: SshLinks
  /** Who performs on a target that carries operations of guests. @throws GatewayError denied: it does not grant guest:exec */
  carrier(id: string): Executor
}

/** A target and how it is reached; the gateway itself needs no way. */
export interface ReachedTarget extends Target {
  readonly connection?: Connection | undefined
}

/** Who performs on a target; kinds that this version does not perform on may be declared, and say so when asked. */
export function executorOf({ gateway, sshLinks, carrier, ...local }: ExecutorParts, target: ReachedTarget): Executor {
  const { id, kind, constraints, connection } = target
  if (kind === 'gateway') return gateway
  if (kind === 'local') {
    const sudo = { policy: constraints.sudoPolicy, commands: constraints.sudoCommands }
    return limited(openLocal({ ...local, sudo }), constraints.concurrency, local.clock)
  }
  if (connection?.kind === 'http')
    return limited(openHttp(id, connection, local.clock), constraints.concurrency, local.clock)
  if (connection?.kind === 'proxmox')
    return limited(openProxmox(id, connection, local.clock), constraints.concurrency, local.clock)
  if (connection?.kind === 'docker') {
    const link = connection.via === undefined ? undefined : sshLinks.reach(connection.via)
    return limited(openDocker(id, { ...connection, link }, local.clock), constraints.concurrency, local.clock)
  }
  if (connection?.kind === 'guest') {
    const { clock, scripts } = local
    return limited(openGuest({ id, connection, scripts, clock, carrier }), constraints.concurrency, clock)
  }
  if (connection?.kind === 'ssh') {
    const { clock, scripts } = local
    const sudo = { policy: constraints.sudoPolicy, commands: constraints.sudoCommands }
    const executor = openSsh({ id, connection, links: sshLinks, scripts, clock, sudo })
    return limited(executor, constraints.concurrency, clock)
  }
  throw new GatewayError('unsupported_target', `${id}: this version does not perform on ${kind} targets`, {
    hint: 'it performs on local, ssh, docker, http and proxmox targets',
  })
}
