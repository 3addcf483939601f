import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { headersOf, rpc, send } from '../security/requests.ts'
import { eventually } from '../support/eventually.ts'
import { type Installed, install, runtimes, type Served } from '../support/installed.ts'

setDefaultTimeout(30_000)

let place: Installed
let served: Served
let token = ''
/** The same source as the served one. */
const tailops = (...args: readonly string[]): string => {
  const [command, ...before] = runtimes.Bun
  return execFileSync(command, [...before, ...args], { env: place.env, encoding: 'utf8' })
}
beforeAll(async () => {
  place = install()
  token = tailops('token', 'mint', '--name=test', '--scopes=admin').trim()
  served = await place.serve('Bun')
})
afterAll(() => place.remove())

const ready = async (): Promise<readonly string[]> => {
  const base = served.url.slice(0, -'/mcp'.length)
  return Promise.all(['/healthz', '/readyz'].map(async (path) => (await fetch(base + path)).text()))
}

const call = async (name: string, args: object = {}): Promise<string> =>
  (await send(served.url, rpc('tools/call', { name, arguments: args }), headersOf(token))).text

const write = () => call('write_file', { path: `${place.files}/a`, content: 'x', create: true })

test('freeze, restart, unfreeze: changes are refused in between, reads are not', async () => {
  expect(tailops('freeze', '--reason', 'a drill')).toMatch(/^frozen since \S+Z by cli:\d+: a drill; tailops unfreeze/)
  expect(await write()).toMatch(/error.*frozen.*the gateway is frozen: since /)
  expect(await call('get_system_status')).not.toContain('frozen')
  expect(await ready()).toEqual(['ok (frozen)\n', 'ready (frozen)\n'])
  await served.stop()
  served = await place.serve('Bun')
  await eventually(() => served.log().includes('frozen: changes are refused'), 'the log says it')
  expect(await write()).toContain('a drill')
  const { port } = new URL(served.url)
  expect(
    execFileSync(runtimes.Bun[0], [runtimes.Bun[1], 'health'], {
      env: { ...place.env, TAILOPS_LISTEN: `127.0.0.1:${port}` },
      encoding: 'utf8',
    }),
  ).toStartWith('ready (frozen): ')
  expect(tailops('unfreeze')).toStartWith('changes are allowed again')
  expect(await write()).toContain('approval_required')
  expect(await ready()).toEqual(['ok\n', 'ready\n'])
  const events = tailops('audit', 'tail')
  expect(events).toMatch(/ freeze cli:\d+: since \S+Z by cli:\d+: a drill\n/)
  expect(events).toMatch(/ unfreeze cli:\d+: ended the freeze since /)
})

test.each(['Bun', 'Deno', 'Node 22'] as const)(
  'on %s SIGUSR2 freezes, and wrong tokens of an address are limited',
  async (runtime) => {
    const own = runtime === 'Bun' ? served : await place.serve(runtime)
    own.process.kill('SIGUSR2')
    await eventually(() => existsSync(`${place.env['TAILOPS_STATE_DIR']}/frozen`), 'the file is there')
    const change = rpc('tools/call', {
      name: 'write_file',
      arguments: { path: `${place.files}/a`, content: 'x', create: true },
    })
    expect((await send(own.url, change, headersOf(token))).text).toContain('by signal:SIGUSR2')
    expect(tailops('unfreeze')).toContain('by signal:SIGUSR2')
    expect(tailops('unfreeze')).toBe('nothing was frozen\n')
    const guesses = []
    for (let times = 0; times < 11; times++)
      guesses.push((await send(own.url, rpc('ping'), headersOf(`tops_aaaaaaaa_${'a'.repeat(40)}`))).status)
    expect(guesses.slice(9)).toEqual([401, 429])
    await eventually(() => own.log().includes('"who":"127.0.0.1"'), 'the log names the address')
  },
)

test('a watch rule freezes the served program', async () => {
  const watched = await place.serve('Bun', { TAILOPS_WATCH: 'denials:3=freeze' })
  for (let times = 0; times < 3; times++)
    await send(
      watched.url,
      rpc('tools/call', { name: 'run_command', arguments: { argv: ['uptime'] } }),
      headersOf(token),
    )
  expect(tailops('unfreeze')).toContain('by watch:denials: token:')
  await watched.stop()
})
