import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { Server, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { scripts } from '../src/scripts/index.ts'

/**
 * What the gateway is measured against: the SDK's low-level server and nothing else. `trivial` answers a constant,
 * `get_system_status` runs the script of the tool of that name and answers its raw output. `bare --stdio`, `bare PORT`.
 */
const inputSchema = { type: 'object' as const }
const list = {
  tools: [
    { name: 'trivial', description: 'Answers a constant.', inputSchema },
    { name: 'get_system_status', description: 'Runs one script.', inputSchema },
  ],
}

function bareServer(): Server {
  const server = new Server({ name: 'bare', version: '1' }, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', () => list)
  server.setRequestHandler('tools/call', async ({ params }) => ({
    content: [{ type: 'text', text: params.name === 'trivial' ? constant : await systemStatus() }],
  }))
  return server
}

const constant = 'targets[1]{id,kind,capabilities}:\n  local,local,"system:read network:read file:read"'

async function systemStatus(): Promise<string> {
  const child = spawn('sh', ['-c', scripts['read/system-status'] ?? 'exit 1', 'sh', '0.25'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return text(child.stdout)
}

async function answer(request: Request): Promise<Response> {
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await bareServer().connect(transport)
  return transport.handleRequest(request)
}

const [how = '--stdio'] = process.argv.slice(2)
if (how === '--stdio') serveStdio(bareServer)
else Bun.serve({ hostname: '127.0.0.1', port: Number(how), idleTimeout: 0, fetch: answer })
