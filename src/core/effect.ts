import type { Operation } from './operation.ts'
import { isReadCommand } from './read-commands.ts'

export type Effect = 'read' | 'write'

/**
 * Requests that touch nothing but the gateway's own bookkeeping, although they are not GET or HEAD. Their prefix is no path:
 * the gateway's executor alone understands it, so no other target can be sent one.
 */
const readPaths: readonly RegExp[] = [/^gateway:\/jobs\/[a-z0-9]+\/cancel$/, /^gateway:\/discovery(\?|$)/]

/** What an operation does to its target: derived from what it is, never declared. */
export function effectOf(operation: Operation): Effect {
  switch (operation.kind) {
    case 'script':
      return operation.name.startsWith('read/') ? 'read' : 'write'
    case 'request':
      if (operation.method === 'GET' || operation.method === 'HEAD') return 'read'
      return operation.method === 'POST' && readPaths.some((path) => path.test(operation.path)) ? 'read' : 'write'
    case 'command':
      return isReadCommand(operation.argv) ? 'read' : 'write'
  }
}
