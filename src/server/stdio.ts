import { serveStdio as serve } from '@modelcontextprotocol/server/stdio'
import type { Caller } from '../core/target.ts'
import { type McpParts, mcpServer } from './mcp.ts'

/** Serves both protocol eras over stdin and stdout until the client closes stdin. */
export async function serveStdio(parts: McpParts, caller: Caller, stdin: NodeJS.ReadStream): Promise<void> {
  const ended = new Promise<void>((resolve) => stdin.once('end', resolve).once('close', resolve))
  const handle = serve(() => mcpServer(parts, caller))
  await ended
  await handle.close()
}
