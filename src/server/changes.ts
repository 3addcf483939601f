import type { Server } from '@modelcontextprotocol/server'

/** What clients can be told of. */
export type Change = 'tools' | { readonly resource: string }

const subscribed = new WeakMap<Server, Set<string>>()

/** URIs that the client of this server wants to hear of (revisions until 2025-11-25). */
export function subscriptionsOf(server: Server): Set<string> {
  const uris = subscribed.get(server) ?? new Set()
  subscribed.set(server, uris)
  return uris
}

/** Tells one client; one that has just left misses nothing. */
export function tell(server: Server, what: Change): void {
  if (what !== 'tools' && !subscriptionsOf(server).has(what.resource)) return
  const told = what === 'tools' ? server.sendToolListChanged() : server.sendResourceUpdated({ uri: what.resource })
  told.catch(() => undefined)
}
