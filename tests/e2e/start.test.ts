import { afterAll, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const home = mkdtempSync(join(tmpdir(), 'tailops-start-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('a first start shows a simulated fleet beside this machine, asks real questions, and serves until Ctrl-C', async () => {
  const { output, exitCode, url } = await startAndStop(await freePort())
  expect(output).toContain('get_system_status\nhostname: ')
  expect(output).toMatch(/get_fleet_state\n[\s\S]*nextcloud[\s\S]*triage_fleet\n[\s\S]*riga/)
  expect(output).toContain('The clusters home and office are simulated; local is this machine.')
  expect(output).toContain(`claude mcp add --transport http tailops ${url}`)
  expect(output).toContain('"mcpServers"')
  expect(exitCode).toBe(0)
  expect(await fetch(url).catch(() => 'refused')).toBe('refused')
}, 60_000)

test('with a configuration it serves that, changes nothing in it, and makes a fresh token each time', async () => {
  const config = readFileSync(join(home, 'targets.example.yaml'), 'utf8')
  copyFileSync(join(home, 'targets.example.yaml'), join(home, 'targets.yaml'))
  const port = await freePort()
  const [first, second] = [await startAndStop(port), await startAndStop(port)]
  expect(first.output).not.toContain('simulated')
  expect(readFileSync(join(home, 'targets.yaml'), 'utf8')).toBe(config)
  expect(tokenIn(first.output)).not.toBe(tokenIn(second.output))
}, 60_000)

test('on a taken port a start says so, and how to choose another', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((listening) => taken.once('listening', listening))
  const port = portOf(taken.address())
  const { output, exitCode } = await startAndStop(port)
  taken.close()
  expect(output).toContain(`127.0.0.1:${port}: another program listens there`)
  expect(output).toContain(`TAILOPS_LISTEN=127.0.0.1:${port + 1} npm start`)
  expect(exitCode).toBe(1)
}, 60_000)

/** Runs what `npm start` runs; when it says that it serves, sends what Ctrl-C sends. */
async function startAndStop(port: number) {
  const env = { ...process.env, TAILOPS_HOME: home, TAILOPS_LISTEN: `127.0.0.1:${port}` }
  const child = spawn('sh', ['.ci/start'], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const read = (part: Buffer): void => {
    output += part.toString()
    if (output.includes('until Ctrl-C')) child.kill('SIGINT')
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const exitCode = await new Promise<number | null>((done) => child.once('close', done))
  return { output, exitCode, url: `http://127.0.0.1:${port}/mcp` }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((listening) => probe.once('listening', listening))
  const port = portOf(probe.address())
  await new Promise((closed) => probe.close(closed))
  return port
}

const portOf = (address: ReturnType<ReturnType<typeof createServer>['address']>): number =>
  typeof address === 'object' && address !== null ? address.port : 0

const tokenIn = (output: string): string | undefined => /Bearer ([^'"]+)/.exec(output)?.[1]
