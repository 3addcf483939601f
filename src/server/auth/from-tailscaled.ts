import { stat } from 'node:fs/promises'
import type { Clock } from '../../lib/clock.ts'
import type { Peer } from '../peer.ts'
import { connectionOwner } from './connection-owner.ts'

export interface FromTailscaledParts {
  readonly socketPath: string
  readonly clock: Pick<Clock, 'elapsedMs'>
  /** Whose program is at the other end; tests say it themselves. */
  readonly ownerOf?: ((peer: Peer) => Promise<number | undefined>) | undefined
}

/**
 * How long the last answer counts for one connection and one caller. Asking costs milliseconds. The kernel gives a port that its
 * owner has closed to nobody within a second, and whoever else comes by a connection is asked about anew: so nobody can
 * take the place of tailscaled in between.
 */
const countsForMs = 1000
const mostConnections = 1024

/** Whether a connection from loopback is of the user whose socket tailscaled's is: of tailscaled, or of root. */
export function fromTailscaled({ socketPath, clock, ownerOf = connectionOwner }: FromTailscaledParts) {
  const known = new Map<string, { readonly caller: string; readonly untilMs: number }>()
  return async (peer: Peer, caller: string): Promise<boolean> => {
    const connection = `${peer.address} ${peer.port} ${peer.ownPort}`
    const last = known.get(connection)
    if (last?.caller === caller && clock.elapsedMs() < last.untilMs) return true
    known.delete(connection)
    const untilMs = clock.elapsedMs() + countsForMs
    const tailscaled = await stat(socketPath).catch(() => undefined)
    if (tailscaled === undefined || (await ownerOf(peer)) !== tailscaled.uid) return false
    const [oldest] = known.keys()
    if (known.size >= mostConnections && oldest !== undefined) known.delete(oldest)
    known.set(connection, { caller, untilMs })
    return true
  }
}
