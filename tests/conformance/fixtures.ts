import { randomBytes } from 'node:crypto'
import { createRequestStateCodec, ProtocolError, Server, type Tool } from '@modelcontextprotocol/server'
import type { Caller } from '../../src/core/target.ts'
import { askingTools } from './asking-tools.ts'
import { contentTools } from './content-tools.ts'
import type { FixtureTool, World } from './fixture.ts'
import { inputTools, type State } from './input-tools.ts'
import { serveTexts } from './texts.ts'

const listed = ({ name, description, inputSchema }: FixtureTool): Tool => ({
  name,
  description,
  inputSchema: inputSchema ?? { type: 'object', properties: {}, additionalProperties: false },
})

/** MCP servers with the tools, prompts and resources that the conformance suite looks for: one server for one caller. */
export function fixtureServers(world: World): (caller: Caller) => Server {
  const codec = createRequestStateCodec<State>({
    key: randomBytes(32),
    bind: ({ http }) => http?.authInfo?.clientId ?? '',
  })
  const tools = [...contentTools(world), ...askingTools, ...inputTools(codec)]
  return () => {
    const server = new Server(
      { name: 'conformance-fixtures', version: '1.0.0' },
      {
        capabilities: {
          tools: { listChanged: true },
          prompts: {},
          resources: { subscribe: true },
          completions: {},
          logging: {},
        },
        requestState: { verify: codec.verify },
      },
    )
    server.setRequestHandler('tools/list', () => ({ tools: tools.map(listed) }))
    server.setRequestHandler('tools/call', ({ params: { name, arguments: args = {} } }, context) => {
      const tool = tools.find((candidate) => candidate.name === name)
      if (tool === undefined) throw new ProtocolError(-32602, `no tool ${name}`)
      return tool.run(context, args)
    })
    serveTexts(server)
    return server
  }
}
