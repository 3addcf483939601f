import { ProtocolError, ResourceNotFoundError, type Server, type ServerContext } from '@modelcontextprotocol/server'
import type { Caller } from '../core/target.ts'
import { callTool } from './call-tool.ts'
import { subscriptionsOf } from './changes.ts'
import type { McpParts } from './mcp-parts.ts'
import { progressOf } from './progress.ts'
import type { Surface } from './surface.ts'

/** Who asks, and what is shown to them. */
export interface Asking {
  readonly parts: McpParts
  readonly caller: Caller
  readonly surface: Surface
}

type AskedOf = (context: ServerContext) => Promise<Asking>

const invalidParams = -32602

/** Prompts, resources, and completion of target names. */
export function serveTexts(server: Server, asked: AskedOf): void {
  server.setRequestHandler('prompts/list', async (_request, context) => (await asked(context)).surface.promptList)
  server.setRequestHandler('prompts/get', async ({ params }, context) => {
    const prompt = (await asked(context)).surface.prompts.find(({ name }) => name === params.name)
    if (prompt === undefined)
      throw new ProtocolError(invalidParams, `no prompt ${JSON.stringify(params.name.slice(0, 80))}`)
    const text = prompt.text(params.arguments?.['target']?.slice(0, 200) ?? 'this machine (target local)')
    return { description: prompt.description, messages: [{ role: 'user', content: { type: 'text', text } }] }
  })
  server.setRequestHandler('resources/list', async (_request, context) => (await asked(context)).surface.resourceList)
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: [] }))
  server.setRequestHandler('resources/read', async ({ params: { uri } }, context) => {
    const { parts, caller, surface } = await asked(context)
    const resource = surface.resources.find((candidate) => candidate.uri === uri)
    const tool = parts.tools.find(({ name }) => name === resource?.tool)
    if (resource === undefined || tool === undefined) throw new ResourceNotFoundError(uri)
    const { text } = await callTool(parts, tool, {
      args: resource.args,
      caller,
      signal: context.mcpReq.signal,
      progress: progressOf(context.mcpReq),
    })
    return { contents: [{ uri, mimeType: 'text/plain', text }] }
  })
  server.setRequestHandler('resources/subscribe', async ({ params: { uri } }, context) => {
    if (!(await asked(context)).surface.resources.some((resource) => resource.uri === uri))
      throw new ResourceNotFoundError(uri)
    subscriptionsOf(server).add(uri)
    return {}
  })
  server.setRequestHandler('resources/unsubscribe', ({ params: { uri } }) => {
    subscriptionsOf(server).delete(uri)
    return {}
  })
  server.setRequestHandler('completion/complete', async ({ params: { argument } }, context) => {
    const { parts, caller } = await asked(context)
    const ids = argument.name === 'target' ? parts.targetIds(caller) : []
    const fitting = ids.filter((id) => id.startsWith(argument.value))
    return { completion: { values: fitting.slice(0, 100), total: fitting.length, hasMore: fitting.length > 100 } }
  })
}
