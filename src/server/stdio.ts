import type { Server } from '@modelcontextprotocol/server'
import { serveStdio as serve } from '@modelcontextprotocol/server/stdio'
import type { Caller } from '../core/target.ts'
import { type Change, tell } from './changes.ts'
import { mcpServer } from './mcp.ts'
import type { McpParts } from './mcp-parts.ts'

/** The one client that started us. */
export interface StdioParts {
  readonly caller: Caller
  readonly stdin: NodeJS.ReadStream
  current(): McpParts
}

export interface StdioService {
  /** Resolves when the client has closed stdin. */
  readonly ended: Promise<void>
  /** Tells the client that tools or a resource have changed. */
  changed(what: Change): void
  close(): Promise<void>
}

/** Serves both protocol eras over stdin and stdout. */
export function serveStdio({ caller, stdin, current }: StdioParts): StdioService {
  const servers = new Set<Server>()
  const ended = new Promise<void>((resolve) => stdin.once('end', resolve).once('close', resolve))
  const handle = serve(() => {
    const server = mcpServer({ current, callerOf: () => caller })
    servers.add(server)
    server.onclose = () => servers.delete(server)
    return server
  })
  return {
    ended,
    changed(what) {
      for (const server of servers) tell(server, what)
    },
    close: () => handle.close(),
  }
}
