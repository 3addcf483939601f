import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

/** `client.ts URL TOKEN TOOL JSON`: an MCP client; prints what the tool answers. */
const [, , url = '', token = '', name = '', args = '{}'] = process.argv

const client = new Client({ name: 'ct', version: '1' })
const requestInit = { headers: { Authorization: `Bearer ${token}` } }
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }))
const { content } = await client.callTool({ name, arguments: JSON.parse(args) })
console.log(JSON.stringify(content))
await client.close()
