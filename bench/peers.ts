import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

/** An MCP server of others, from npm, spoken to over stdio. */
export interface Peer {
  /** `ssh-mcp 2.11.0` */
  readonly name: string
  /** The text that a model reads. @throws when the tool answers an error */
  ask(tool: string, args: Readonly<Record<string, unknown>>): Promise<string>
  /** JSON of its tools/list. */
  tools(): Promise<string>
  stop(): Promise<void>
}

export interface PeerWish {
  readonly packageName: string
  /** Of its package, started with node. */
  readonly entry: string
  readonly args?: readonly string[]
  /** Beside PATH and a HOME of its own: `(home) => …`. */
  readonly env?: (home: string) => Readonly<Record<string, string>>
}

/** Installs it into a folder of its own, runs it, and removes it in the end. @throws with the reason when it cannot be had */
export async function startPeer({ packageName, entry, args = [], env = () => ({}) }: PeerWish): Promise<Peer> {
  const home = mkdtempSync(join(tmpdir(), 'tailops-bench-peer-'))
  const remove = () => rmSync(home, { recursive: true, force: true })
  try {
    writeFileSync(join(home, 'package.json'), '{}')
    const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', packageName]
    const installed = spawnSync('npm', npm, { cwd: home, encoding: 'utf8', timeout: 180_000 })
    if (installed.status !== 0) throw new Error(`npm install: ${installed.stderr.slice(-300)}`)
    const folder = join(home, 'node_modules', packageName)
    const { version }: { readonly version: string } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const client = new Client({ name: 'bench', version: '1' })
    const surroundings = { PATH: process.env['PATH'] ?? '', HOME: home, ...env(home) }
    const transport = new StdioClientTransport({
      command: 'node',
      args: [join(folder, entry), ...args],
      env: surroundings,
      cwd: home,
      stderr: 'ignore',
    })
    await client.connect(transport, { timeout: 30_000 })
    return {
      name: `${packageName} ${version}`,
      ask: (tool, input) => answerOf(client, tool, input),
      tools: async () => JSON.stringify(await client.listTools()),
      async stop() {
        await client.close()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

async function answerOf(client: Client, name: string, args: Readonly<Record<string, unknown>>): Promise<string> {
  const { content, isError } = await client.callTool({ name, arguments: { ...args } }, { timeout: 120_000 })
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('\n')
  if (isError === true) throw new Error(`${name}: ${text.slice(0, 300)}`)
  return text
}
