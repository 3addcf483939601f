import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defaultTargetsYaml } from '../src/config/default.ts'

/** The two programs that are measured, built with the same flags. */
export const binaries = { tailops: resolve('dist/tailops'), bare: resolve('dist/bare') } as const
export type Side = keyof typeof binaries

/** A running HTTP server, the product's or the bare one. */
export interface Running {
  readonly side: Side
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly pid: number
  /** Resident memory, MiB. */
  residentMib(): number
  stop(): Promise<void>
}

/** A folder with the default configuration and an empty state, and the environment that names both. */
export interface Place {
  readonly env: Readonly<Record<string, string>>
  remove(): void
}

export function makePlace(): Place {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-bench-'))
  const config = join(dir, 'targets.yaml')
  writeFileSync(config, defaultTargetsYaml())
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: dir,
    TAILOPS_CONFIG: config,
    TAILOPS_STATE_DIR: join(dir, 'state'),
    TAILOPS_LOG_LEVEL: 'warn',
    TAILOPS_RATE_LIMIT: '0',
  }
  return { env, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** How each side is started over stdio. */
export const stdioArgs: Readonly<Record<Side, readonly string[]>> = { tailops: ['serve', '--stdio'], bare: ['--stdio'] }

/** @param scopes what the bench's token may do */
export async function startHttp(side: Side, { env }: Place, scopes = 'readonly'): Promise<Running> {
  const port = side === 'tailops' ? 18_080 : 18_081
  const args = side === 'tailops' ? ['serve'] : [String(port)]
  const child = spawn(binaries[side], args, {
    env: { ...env, TAILOPS_LISTEN: `127.0.0.1:${port}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const base = `http://127.0.0.1:${port}`
  await untilAnswering(base, child)
  return {
    side,
    url: `${base}/mcp`,
    headers: {
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      ...(side === 'tailops' && { Authorization: `Bearer ${mintToken(env, scopes)}` }),
    },
    pid: child.pid ?? 0,
    residentMib: () => residentMib(child.pid),
    stop: () => ended(child),
  }
}

async function untilAnswering(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt++) {
    const answers = await fetch(url).then(
      () => true,
      () => false,
    )
    if (answers) return
    await sleep(50)
  }
  throw new Error(`${url} does not answer`)
}

function mintToken(env: Place['env'], scopes: string): string {
  const args = ['token', 'mint', '--name=bench', `--scopes=${scopes}`, '--json']
  const minted: { readonly token: string } = JSON.parse(
    spawnSync(binaries.tailops, args, { env, encoding: 'utf8' }).stdout,
  )
  return minted.token
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  await exit
}

/** VmRSS of proc_pid_status(5), MiB. */
export function residentMib(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
}

/** User and system time of a process until now, seconds (proc_pid_stat(5), at 100 ticks a second). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** The text of a tool's answer. @throws when it is an error */
export async function textOf(running: Running, name: string, args: Readonly<Record<string, unknown>>): Promise<string> {
  const { content = [], isError } = await ask(running, 'tools/call', { name, arguments: args })
  const text = content.map((part) => part.text ?? '').join('\n')
  if (isError === true) throw new Error(`${name}: ${text.slice(0, 500)}`)
  return text
}

/** One plain JSON-RPC request, no session. @throws when the answer is an error */
export async function ask(running: Running, method: string, params: unknown): Promise<Result> {
  const response = await fetch(running.url, {
    method: 'POST',
    headers: running.headers,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const body = await response.text()
  // Either plain JSON, or one `data:` line of an event stream.
  const message: { readonly result?: Result } = JSON.parse(/^data: (.*)$/m.exec(body)?.[1] ?? body)
  if (message.result === undefined) throw new Error(`${running.side} answered ${response.status}: ${body}`)
  return message.result
}

/** The parts of a result that are measured. */
export interface Result {
  readonly tools?: readonly ListedTool[]
  readonly content?: readonly { readonly text?: string }[]
  readonly isError?: boolean
}

export interface ListedTool {
  readonly name: string
  readonly annotations?: { readonly readOnlyHint?: boolean }
  readonly inputSchema: { readonly required?: readonly string[] }
}
