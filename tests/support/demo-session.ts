import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { binary, type Installed, install } from './installed.ts'
import { approveAtTerminal } from './person.ts'

/** A model and a person before the simulated fleet of the built binary. */
export interface DemoSession {
  /** What a model reads of an answer. */
  call(name: string, args?: Readonly<Record<string, unknown>>): Promise<string>
  /** What stood on the person's terminal. */
  approve(id: string): Promise<string>
}

/** Serves `tailops demo` from a folder of its own, with a token for its guests, until `use` has ended. */
export async function inDemoSession<T>(use: (session: DemoSession) => Promise<T>): Promise<T> {
  const empty = install()
  try {
    const dir = join(empty.dir, 'demo')
    const { url } = await empty.serveBy(['demo', '--dir', dir])
    const place: Installed = { ...empty, env: { ...empty.env, TAILOPS_STATE_DIR: join(dir, 'state') } }
    const scopes = '--scopes=readonly,proxmox:control,proxmox:admin,fleet:admin'
    const mint = ['token', 'mint', '--name=session', scopes]
    const token = execFileSync(binary, mint, { env: place.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const client = new Client({ name: 'session', version: '0' })
    const headers = { Authorization: `Bearer ${token.trim()}` }
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
    try {
      return await use({
        approve: (id) => approveAtTerminal(place, id),
        async call(name, args = {}) {
          const { content } = await client.callTool({ name, arguments: args }, { timeout: 70_000 })
          const [first] = Array.isArray(content) ? content : []
          return first?.type === 'text' ? first.text : ''
        },
      })
    } finally {
      await client.close()
    }
  } finally {
    await empty.remove()
  }
}
