import type { ReachedTarget } from './index.ts'
import { type LinkParts, openSshLinks, type SshLinks } from './ssh-links.ts'

/** The connections to the ssh targets of one configuration. */
export interface ConfiguredLinks extends SshLinks {
  /** Lets go of what another configuration had opened. */
  close(): void
}

/** Targets may jump over one another. What is open to them already, by `pool`, stays open until `close`. */
export function linksTo(all: readonly ReachedTarget[], parts: Omit<LinkParts, 'connectionOf'>): ConfiguredLinks {
  const connectionOf = (id: string) => {
    const connection = all.find((target) => target.id === id)?.connection
    return connection?.kind === 'ssh' ? connection : undefined
  }
  const links = openSshLinks({ ...parts, connectionOf })
  const kept = all.flatMap(({ id, connection }) =>
    connection?.kind === 'ssh' ? (links.keep(id, connection) ?? []) : [],
  )
  return {
    ...links,
    close() {
      for (const link of kept) link.release()
    },
  }
}
