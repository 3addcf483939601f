import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

/** The executable built as the release builds it, for a platform that is not this one. */
export interface ForeignExecutable {
  /** A folder of its own, with targets.yaml and room for the state. */
  readonly dir: string
  readonly binary: string
  remove(): void
}

/** @param target what Bun calls the platform: `bun-linux-arm64` */
export function buildFor(target: string): ForeignExecutable {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-foreign-'))
  const binary = join(dir, 'tailops')
  execFileSync('sh', ['.ci/build', '--force', 'src/main.ts', binary, `--target=${target}`], {
    cwd: resolve(import.meta.dirname, '../..'),
    stdio: 'pipe',
  })
  const yaml = 'version: "1.0"\ntargets:\n  local: { executor: local, capabilities: [system:read] }\n'
  writeFileSync(join(dir, 'targets.yaml'), yaml)
  return { dir, binary, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** The environment in which it finds its files, when it sees the folder as `dir`. */
export const foreignEnv = (dir: string): Record<string, string> => ({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: dir,
  TAILOPS_CONFIG: join(dir, 'targets.yaml'),
  TAILOPS_STATE_DIR: join(dir, 'state'),
})

/** What a client over stdio learns from it. */
export interface Session {
  readonly version: string | undefined
  readonly tools: readonly string[]
  /** The answer of get_system_status, parsed. */
  readonly status: unknown
}

/** Starts it by `command`, connects, lists its tools, calls one and ends it. */
export async function converse(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Session> {
  const client = new Client({ name: 'test', version: '0' })
  await client.connect(new StdioClientTransport({ command, args: [...args], env: { ...env }, stderr: 'pipe' }))
  try {
    const { tools } = await client.listTools()
    const { content } = await client.callTool({ name: 'get_system_status', arguments: { format: 'json' } })
    const [answer] = content
    return {
      version: client.getServerVersion()?.version,
      tools: tools.map(({ name }) => name),
      status: JSON.parse(answer?.type === 'text' ? answer.text : ''),
    }
  } finally {
    await client.close()
  }
}
