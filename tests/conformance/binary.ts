import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { z } from 'zod'

const root = join(import.meta.dirname, '../..')
const binary = join(root, 'dist/tailops')

export interface ShippedGateway {
  readonly url: string
  /** A bearer token of somebody who may read everything. */
  readonly token: string
  stop(): Promise<void>
}

/** The executable that we ship, serving on a port of its own, with this machine as its one target. */
export async function startShipped(): Promise<ShippedGateway> {
  const run = promisify(execFile)
  await run('sh', ['.ci/build'], { cwd: root })
  const dir = mkdtempSync(join(tmpdir(), 'tailops-shipped-'))
  const env = {
    PATH: process.env['PATH'],
    HOME: dir,
    TAILOPS_CONFIG: join(dir, 'targets.yaml'),
    TAILOPS_STATE_DIR: join(dir, 'state'),
    TAILOPS_RATE_LIMIT: '0',
    TAILOPS_LISTEN: '127.0.0.1:0',
  }
  writeFileSync(
    env.TAILOPS_CONFIG,
    'version: "1.0"\ntargets:\n  local: { executor: local, capabilities: [system:read] }\n',
  )
  const mint = await run(binary, ['token', 'mint', '--name', 'suite', '--scopes', 'readonly', '--json'], { env })
  const { token } = z.object({ token: z.string() }).parse(JSON.parse(mint.stdout))
  const child = spawn(binary, ['serve'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const stop = async (): Promise<void> => {
    const exited = child.exitCode === null ? once(child, 'exit') : undefined
    child.kill()
    await exited
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    return { url: await listening(child), token, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const listeningLine = z.object({ event: z.literal('listening'), url: z.string() })

/** The address that the gateway logs when it listens. */
async function listening({ stderr }: ChildProcess): Promise<string> {
  if (stderr === null) throw new Error('the gateway was started without its log')
  const lines: string[] = []
  for await (const line of createInterface({ input: stderr })) {
    lines.push(line)
    const found = listeningLine.safeParse(jsonOr(line))
    if (!found.success) continue
    // Nobody reads on; a full pipe must not stop the gateway.
    stderr.resume()
    return found.data.url
  }
  throw new Error(`the gateway stopped before it listened:\n${lines.join('\n')}`)
}

function jsonOr(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return line
  }
}
