import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defaultTargetsYaml } from '../src/config/default.ts'
import { problemLine } from '../src/config/problem.ts'
import { readSettings } from '../src/config/settings.ts'
import { clientSetup } from './clients.ts'

const binary = resolve(import.meta.dirname, '../dist/tailops')

async function main(): Promise<number> {
  const { settings, problems } = readSettings(process.env)
  if (problems.some(({ severity }) => severity === 'error')) return failed(problems.map(problemLine).join('\n'))
  const { auth } = settings
  if (auth.mode !== 'none' && auth.tokens === undefined) {
    return failed(`npm start asks with a token of its own: TAILOPS_AUTH_MODE=${auth.mode},token accepts it, too`)
  }
  const { host, port } = settings.listen
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const taken = await whyNotListening(host, port)
  if (taken !== undefined) {
    return failed(`${address}: ${taken}. Choose another: TAILOPS_LISTEN=127.0.0.1:${port + 1} npm start`)
  }
  const { command, places, questions } = whatToServe()
  const token = auth.mode === 'none' ? '' : mintToken(places)
  const gateway = serve(command, places)
  const url = `http://${address}/mcp`
  if (!(await isReady(`http://${address}/readyz`, gateway.process))) return gateway.stop()
  // Otherwise the first answers would come before the first look at the fleet.
  if (command[0] === 'demo') await ask(url, token, 'run_discovery')
  for (const tool of questions) console.log(`\n${tool}\n${await ask(url, token, tool)}`)
  console.log(`\n${clientSetup({ url, token, binary, env: places })}`)
  const approve = `TAILOPS_STATE_DIR=${places.TAILOPS_STATE_DIR} ${binary} approvals approve ID`
  console.log(`Targets: ${places.TAILOPS_CONFIG}\nA change that waits is approved with: ${approve}`)
  console.log(`${aboutDemo(places, command)}Serving ${url} until Ctrl-C. ${rights}`)
  return gateway.ended
}

interface Places extends Record<string, string> {
  readonly TAILOPS_CONFIG: string
  readonly TAILOPS_STATE_DIR: string
}

/** What is served: the configuration that there is, else the simulated fleet. */
interface Served {
  readonly command: readonly string[]
  readonly places: Places
  /** Tools that are asked one after the other, for the first impression. */
  readonly questions: readonly string[]
}

function whatToServe(): Served {
  const { TAILOPS_HOME, TAILOPS_CONFIG, TAILOPS_STATE_DIR, XDG_DATA_HOME = '' } = process.env
  const data = isAbsolute(XDG_DATA_HOME) ? XDG_DATA_HOME : join(homedir(), '.local', 'share')
  const home = resolve(TAILOPS_HOME ?? join(data, 'tailops'))
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const config = resolve(TAILOPS_CONFIG ?? join(home, 'targets.yaml'))
  if (TAILOPS_CONFIG !== undefined || existsSync(config)) {
    const places = { TAILOPS_CONFIG: config, TAILOPS_STATE_DIR: resolve(TAILOPS_STATE_DIR ?? join(home, 'state')) }
    return { command: ['serve'], places, questions: ['get_system_status'] }
  }
  writeFileSync(join(home, 'targets.example.yaml'), defaultTargetsYaml(), { mode: 0o600 })
  const dir = join(home, 'demo')
  const places = { TAILOPS_CONFIG: join(dir, 'targets.yaml'), TAILOPS_STATE_DIR: join(dir, 'state') }
  const questions = ['get_system_status', 'get_fleet_state', 'triage_fleet']
  return { command: ['demo', '--dir', dir], places, questions }
}

const rights = 'The token holds every *:read right, and may ask for power changes of guests and for discovery; 90 days.'

function aboutDemo({ TAILOPS_CONFIG }: Places, [command]: readonly string[]): string {
  if (command !== 'demo') return ''
  const home = resolve(TAILOPS_CONFIG, '../..')
  return `The clusters home and office are simulated; local is this machine.
To look after your own: cp ${home}/targets.example.yaml ${home}/targets.yaml, edit it (docs/targets.md), npm start again.
`
}

function mintToken(places: Places): string {
  const args = [
    'token',
    'mint',
    '--name=npm-start',
    '--scopes=readonly,proxmox:control,fleet:admin',
    '--ttl=90d',
    '--json',
  ]
  const { stdout } = spawnSync(binary, args, {
    env: { ...process.env, ...places },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const minted: unknown = JSON.parse(stdout)
  if (typeof minted === 'object' && minted !== null && 'token' in minted) return String(minted.token)
  throw new Error(`tailops token mint answered ${stdout}`)
}

interface Gateway {
  readonly process: ChildProcess
  readonly ended: Promise<number>
  stop(): Promise<number>
}

/** The gateway as a child that ends with us. */
function serve(command: readonly string[], places: Places): Gateway {
  const env = { TAILOPS_LOG_LEVEL: 'warn', ...process.env, ...places }
  const child = spawn(binary, command, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = new Promise<number>((done) => child.once('exit', (code) => done(code ?? 1)))
  const stop = () => {
    child.kill('SIGTERM')
    return ended
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  return { process: child, ended, stop }
}

/** Why the address cannot be listened on; undefined when it can. */
const whyNotListening = (host: string, port: number): Promise<string | undefined> =>
  new Promise((answer) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) =>
      answer(error.code === 'EADDRINUSE' ? 'another program listens there' : error.message),
    )
    probe.listen(port, host, () => probe.close(() => answer(undefined)))
  })

async function isReady(url: string, child: ChildProcess): Promise<boolean> {
  for (let attempt = 0; attempt < 150 && child.exitCode === null; attempt++) {
    const ready = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )
    if (ready) return true
    await sleep(100)
  }
  console.error('the gateway did not become ready; what it said stands above')
  return false
}

/** One real call through MCP: plain JSON-RPC, no session. */
async function ask(url: string, token: string, tool: string): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: tool, arguments: {} },
    }),
  })
  const body = await response.text()
  // Either plain JSON, or one `data:` line of an event stream.
  const message: Answer = JSON.parse(/^data: (.*)$/m.exec(body)?.[1] ?? body)
  return message.result?.content.map(({ text }) => text ?? '').join('\n') ?? `no answer: ${body}`
}

interface Answer {
  readonly result?: { readonly content: readonly { readonly text?: string }[] }
}

function failed(why: string): number {
  console.error(why)
  return 1
}

process.exitCode = await main()
