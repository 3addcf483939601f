import type { SshConnection } from '../core/connection.ts'
import { digestOf } from '../lib/digest.ts'
import { jumpOf } from './ssh-jump.ts'
import type { SshSurroundings } from './ssh-link.ts'
import { LinkOnDemand, type SshLink } from './ssh-link-on-demand.ts'

/** The connections to ssh targets: one each, shared by who performs there and who jumps over it. */
export interface SshLinks {
  /** The caller releases it when it needs it no more. */
  use(id: string, connection: SshConnection): SshLink
  /** Of a target by its id; undefined of one that is not reached over ssh. */
  reach(id: string): SshLink | undefined
  /** Like use, of a connection that is open already; undefined of any other. */
  keep(id: string, connection: SshConnection): SshLink | undefined
}

/** What links need beside surroundings. */
export interface LinkParts extends SshSurroundings {
  /** How other ssh targets are reached, for jumps. */
  connectionOf(target: string): SshConnection | undefined
  /** Shared with links of other configurations: what is the same in both is one connection. */
  readonly pool?: LinkPool | undefined
}

/** Connections in use, by what they are made of. */
export type LinkPool = Map<string, SharedLink>

interface SharedLink {
  readonly link: LinkOnDemand
  users: number
}

export function openSshLinks(parts: LinkParts): SshLinks {
  const pool: LinkPool = parts.pool ?? new Map()
  const use = (id: string, connection: SshConnection): SshLink => {
    const { jump } = connection
    const key = keyOf(parts, id, connection)
    const jumpTo = jump === undefined ? undefined : () => use(jump, jumpOf(parts.connectionOf, id, jump))
    const shared = pool.get(key) ?? { link: new LinkOnDemand({ id, connection, parts, jumpTo }), users: 0 }
    pool.set(key, shared)
    shared.users++
    let isReleased = false
    return {
      exec: (line, options, attach) => shared.link.exec(line, options, attach),
      forward: (host, port) => shared.link.forward(host, port),
      forwardSocket: (path, signal) => shared.link.forwardSocket(path, signal),
      abandon: () => shared.link.abandon(),
      release() {
        if (isReleased) return
        isReleased = true
        shared.users--
        if (shared.users > 0) return
        if (pool.get(key) === shared) pool.delete(key)
        shared.link.close()
      },
    }
  }
  return {
    use,
    reach(id) {
      const connection = parts.connectionOf(id)
      return connection && use(id, connection)
    },
    keep: (id, connection) => (pool.get(keyOf(parts, id, connection))?.link.isOpen ? use(id, connection) : undefined),
  }
}

/** Of everything that makes a connection another one: the target, how it is reached, and over whom. */
function keyOf({ connectionOf }: LinkParts, id: string, connection: SshConnection): string {
  const way = new Map([[id, connection]])
  for (let next = connection.jump; next !== undefined && !way.has(next); next = way.get(next)?.jump) {
    const jump = connectionOf(next)
    if (jump === undefined) break
    way.set(next, jump)
  }
  return digestOf([...way].map(([target, hop]) => [target, revealed(hop)]))
}

const revealed = (connection: SshConnection): object => ({
  ...connection,
  password: connection.password?.reveal(),
  passphrase: connection.passphrase?.reveal(),
})
