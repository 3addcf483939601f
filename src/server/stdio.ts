import type { Server } from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio as serve } from '@modelcontextprotocol/server/stdio'
import type { Caller } from '../core/target.ts'
import { type Change, tell } from './changes.ts'
import { mcpServer } from './mcp.ts'
import type { McpParts } from './mcp-parts.ts'

/** The one client that started us. */
export interface StdioParts {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  current(): Promise<McpParts>
  caller(): Promise<Caller>
}

export interface StdioService {
  /** Resolves when the client's first message has been answered, or its answer is on the way. */
  readonly greeted: Promise<void>
  /** Resolves when the client has closed stdin or stdout, or sent a message beyond all measure (10 MB). */
  readonly ended: Promise<void>
  /** Tells the client that tools or a resource have changed. */
  changed(what: Change): void
  close(): Promise<void>
}

/** Serves both protocol eras over stdin and stdout. */
export function serveStdio({ caller, stdin, stdout, current }: StdioParts): StdioService {
  const servers = new Set<Server>()
  const transport = new StdioServerTransport(stdin, stdout)
  const ended = closed(transport)
  const greeting = Promise.withResolvers<void>()
  const serving = (): Server => {
    setImmediate(greeting.resolve)
    const server = mcpServer({ current, callerOf: caller })
    servers.add(server)
    server.onclose = () => servers.delete(server)
    return server
  }
  const handle = serve(serving, { transport })
  return {
    greeted: greeting.promise,
    ended,
    changed(what) {
      for (const server of servers) tell(server, what)
    },
    close: () => handle.close(),
  }
}

/** The transport closes itself when the client is gone; nobody else is told. */
function closed(transport: StdioServerTransport): Promise<void> {
  const close = transport.close.bind(transport)
  return new Promise((resolve) => {
    transport.close = async () => {
      await close()
      resolve()
    }
  })
}
