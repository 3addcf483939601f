import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createPlainServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { App, World } from '../../src/cli/command.ts'
import doctor from '../../src/cli/doctor.ts'
import { nodeClocks } from '../../src/cli/doctor-clocks.ts'
import type { Finding } from '../../src/cli/doctor-finding.ts'
import { portFindings } from '../../src/cli/doctor-port.ts'
import { tailscaleFindings } from '../../src/cli/doctor-tailscale.ts'
import { targetFindings } from '../../src/cli/doctor-targets.ts'
import { tailnetGateway } from '../../src/cli/tailscale-gateway.ts'
import { loadTargets } from '../../src/config/load.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { tools } from '../../src/tools/index.ts'
import { CliWorld } from '../state/cli-world.ts'
import type { TailscaleState } from '../support/tailscale-state.ts'
import { TailscaleWorld } from '../support/tailscale-world.ts'

setDefaultTimeout(30_000)

const folder = mkdtempSync(join(tmpdir(), 'doctor-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** An app that answers every call alike, and remembers what it was asked. */
function appOf(answer: (id: string) => { text: string; isError: boolean } | Promise<never>) {
  const asked: string[] = []
  const app: App = {
    tools,
    names: {},
    callTool: async (tool, args) => {
      const id = String([args['targets'] ?? args['cluster']].flat()[0])
      asked.push(`${tool.name} ${id}`)
      return answer(id)
    },
    serveHttp: async () => undefined,
    close: async () => undefined,
  }
  return { app, asked }
}

const fine = () => ({ text: 'reachable: true', isError: false })

interface Examined {
  readonly code: number
  readonly ok: boolean
  readonly findings: readonly Finding[]
}

async function examine(cli: CliWorld, yaml: string, world: Partial<World> = {}): Promise<Examined> {
  const file = join(cli.dir, 'targets.yaml')
  writeFileSync(file, yaml, { mode: 0o600 })
  const env = { PATH: '/nowhere', TAILOPS_CONFIG: file, TAILOPS_LISTEN: '127.0.0.1:0', ...world.env }
  cli.out = ''
  const code = await doctor.run(['--json'], {
    ...cli.world,
    user: `cli:${process.getuid?.()}`,
    app: async () => appOf(fine).app,
    ...world,
    env,
  })
  return { code, ...JSON.parse(cli.out) }
}

const texts = ({ findings }: Pick<Examined, 'findings'>, level: Finding['level']) =>
  findings.filter((one) => one.level === level).map(({ what }) => what)

const sound = 'version: "1.0"\ntargets: {local: {executor: local, capabilities: [system:read]}}\n'

test('a sound gateway has no problems: exit 0', async () => {
  using cli = new CliWorld()
  const seen = await examine(cli, sound)
  expect(texts(seen, 'problem')).toEqual([])
  expect(seen).toMatchObject({ code: 0, ok: true })
  expect(texts(seen, 'ok')).toContain('local answers')
  expect(texts(seen, 'ok').join()).toContain('the audit log holds')
})

test('every problem of the configuration, each with its fix: exit 1, and no target is asked', async () => {
  using cli = new CliWorld()
  const { app, asked } = appOf(fine)
  const seen = await examine(
    cli,
    'version: "1.0"\ntargets:\n  a: {executor: sssh}\n  b: {executor: local, colour: x}\n',
    {
      app: async () => app,
    },
  )
  expect(seen.code).toBe(1)
  expect(seen.findings.find(({ level }) => level === 'problem')).toMatchObject({
    area: 'config',
    fix: 'did you mean ssh?',
  })
  expect(texts(seen, 'warning').join()).toContain('unknown key "colour"')
  expect(asked).toEqual([])
})

test('files that others may read or write are problems, and no secret is shown', async () => {
  using cli = new CliWorld()
  const key = join(cli.dir, 'key')
  writeFileSync(key, 'k')
  chmodSync(key, 0o644)
  writeFileSync(join(cli.dir, 'tailops.env'), 'A=topmost-secret', { mode: 0o644 })
  const seen = await examine(
    cli,
    `${sound}# \n`.replace(
      '{local',
      `{web: {executor: ssh, connection: {password: topmost-secret, key_path: ${key}}}, local`,
    ),
  )
  expect(texts(seen, 'problem').join('\n')).toContain(`others may read the key ${key} of web`)
  expect(texts(seen, 'problem').join('\n')).toContain('others may read the environment file')
  chmodSync(join(cli.dir, 'targets.yaml'), 0o644)
  cli.out = ''
  const env = { TAILOPS_CONFIG: join(cli.dir, 'targets.yaml'), TAILOPS_LISTEN: '127.0.0.1:0', PATH: '/nowhere' }
  expect(await doctor.run([], { ...cli.world, env, app: async () => appOf(fine).app })).toBe(1)
  expect(cli.out).toContain('everybody may read the secrets in')
  expect(cli.out + cli.err).not.toContain('topmost-secret')
  chmodSync(join(cli.dir, 'targets.yaml'), 0o666)
  await doctor.run([], { ...cli.world, env, app: async () => appOf(fine).app })
  expect(cli.out).toContain('they decide what is managed')
})

test('a broken audit log is a problem, and nothing is asked of targets when the state cannot be opened', async () => {
  using cli = new CliWorld()
  writeFileSync(join(cli.dir, 'audit.jsonl'), 'nonsense\n')
  expect(texts(await examine(cli, sound), 'problem').join()).toContain('the audit log is broken at audit.jsonl:1')
  const { app, asked } = appOf(fine)
  const stores = () => {
    throw new TypeError('no state')
  }
  const seen = await examine(cli, sound, { stores, app: async () => app })
  expect(seen.code).toBe(1)
  expect(asked).toEqual([])
})

test('the state of another user is not opened, and no target is asked', async () => {
  using cli = new CliWorld()
  const { app, asked } = appOf(fine)
  const seen = await examine(cli, sound, { user: 'cli:4711', app: async () => app })
  expect(seen.findings.find(({ level }) => level === 'problem')?.fix).toContain('-p User=tailops')
  const stateDir = join(cli.dir, 'none')
  expect(texts(await examine(cli, sound, { stateDir, app: async () => app }), 'warning').join()).toContain(
    'is not there',
  )
  expect(existsSync(stateDir)).toBe(false)
  expect(asked).toEqual([])
})

test('old names and variables of the runtime are warnings; certificates of anyone are a problem', async () => {
  using cli = new CliWorld()
  const env = { SYSTEMMANAGER_AUTH_MODE: 'token', BUN_CONFIG_X: '1', NODE_TLS_REJECT_UNAUTHORIZED: '0' }
  const seen = await examine(cli, sound, { env })
  expect(texts(seen, 'warning').join()).toContain('SYSTEMMANAGER_AUTH_MODE is deprecated')
  expect(texts(seen, 'warning').join()).toContain('BUN_CONFIG_X changes')
  expect(texts(seen, 'problem')).toEqual(['NODE_TLS_REJECT_UNAUTHORIZED=0 takes certificates of anyone'])
})

const fleet = `version: "1.0"
targets:
  a: {executor: ssh, capabilities: [system:read]}
  b: {executor: docker, capabilities: [container:read]}
  c: {executor: proxmox, capabilities: [proxmox:read]}
  d: {executor: http, capabilities: [http:read], endpoints: {h: {path: /}}}
  e: {executor: local}
`

function configured(yaml: string) {
  const file = join(folder, 'targets.yaml')
  writeFileSync(file, yaml)
  const { config } = loadTargets(file, {})
  if (config === undefined) throw new TypeError('the sample is sound')
  return config
}

test('each target is asked one cheap thing, and its failure told with the next step', async () => {
  const { app, asked } = appOf((id) => {
    if (id === 'a') return { text: '{"error":"unreachable","message":"a: no route","hint":"is it on?"}', isError: true }
    if (id === 'e') return { text: '{"error":"denied","message":"e does not grant system:read"}', isError: true }
    if (id === 'c') return { text: 'reachable: yes\ntoken_lacks: "VM.Audit on /vms (x)"\n', isError: false }
    return fine()
  })
  const found = await targetFindings(app, configured(fleet), systemClock)
  expect(asked.toSorted()).toEqual([
    'get_container_list b',
    'health_check a',
    'health_check e',
    'proxmox_cluster_health c',
  ])
  expect(found.map(({ level, what }) => `${level} ${what}`)).toEqual([
    'problem a: no route',
    'ok b answers',
    'ok c answers',
    'warning c: its token lacks VM.Audit on /vms (x)',
    'ok d: not asked: whether a request of it is harmless, only you know',
    'warning e does not grant system:read: not measured',
  ])
  const lost = appOf(() => ({ text: '{"reachable":"no: unreachable: refused","hint":"h"}', isError: false }))
  const [, , cluster] = await targetFindings(lost.app, configured(fleet), systemClock)
  expect(cluster).toMatchObject({ level: 'problem', what: 'c: refused', fix: 'h' })
})

test('a target that never answers does not hold the report', async () => {
  const { app } = appOf(() => new Promise<never>(() => undefined))
  const hasty = { ...systemClock, sleep: async () => undefined }
  const found = await targetFindings(app, configured(sound), hasty)
  expect(found).toMatchObject([{ level: 'problem', what: 'local: no answer within 60 s' }])
})

test('the port is free, ours, or another program has it', async () => {
  expect((await portFindings({ TAILOPS_LISTEN: '127.0.0.1:0' }))[0]?.level).toBe('ok')
  const gateway = createServer((_, reply) => reply.end('ready\n'))
  const busy = createServer((_, reply) => reply.writeHead(503).end('not ready\n'))
  const stranger = createPlainServer((socket) => socket.destroy())
  try {
    for (const [server, level] of [
      [gateway, 'ok'],
      [busy, 'warning'],
      [stranger, 'problem'],
    ] as const) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      const port = typeof address === 'object' ? address?.port : undefined
      expect((await portFindings({ TAILOPS_LISTEN: `127.0.0.1:${port}` }))[0]?.level).toBe(level)
    }
  } finally {
    for (const server of [gateway, busy, stranger]) server.close()
  }
})

describe('Tailscale', () => {
  const ours = { services: { 'svc:tailops': 'http://127.0.0.1:8080' }, advertised: ['svc:tailops'] }
  const url = 'https://tailops.tail1234.ts.net'

  test.each<[string, Partial<TailscaleState>, string, string[]]>([
    [
      'runs, and has no service: that may be meant so',
      { tags: [] },
      '',
      ['ok Tailscale runs, and does not serve svc:tailops'],
    ],
    ['serves the gateway', ours, url, ['ok svc:tailops is served: https://tailops.tail1234.ts.net']],
    [
      'serves the gateway under a name that it refuses',
      ours,
      '',
      ['ok svc:tailops is served', 'warning requests for https://tailops.tail1234.ts.net are refused until TAILOPS_'],
    ],
    ['is drained', { ...ours, advertised: [] }, url, ['warning svc:tailops is drained']],
    [
      'waits for approval',
      { ...ours, approveAfter: -1 },
      url,
      ['problem svc:tailops is configured on this machine, and'],
    ],
    ['lost the service that clients know', {}, url, ['problem svc:tailops is not configured']],
    ['is logged out', { backend: 'NeedsLogin' }, '', ['warning this machine is not logged in']],
    ['is logged out, and clients need it', { backend: 'NeedsLogin' }, url, ['problem this machine is not logged in']],
    ['does not run', { running: false }, '', ['warning tailscaled does not run']],
  ])('%s', async (_, state, baseUrl, expected) => {
    using machine = new TailscaleWorld(state)
    machine.env = baseUrl === '' ? {} : { TAILOPS_BASE_URL: baseUrl }
    const found = await tailscaleFindings(await tailnetGateway(machine.world, 'svc:tailops'))
    expect(found.map(({ level, what }) => `${level} ${what}`)).toEqual(
      expected.map((line) => expect.stringContaining(line)),
    )
  })

  test('is not there: nothing is said', async () => {
    using machine = new TailscaleWorld()
    machine.uninstall()
    expect(await tailscaleFindings(await tailnetGateway(machine.world, 'svc:tailops'))).toEqual([])
  })
})

test('clocks of nodes are told as they were seen', () => {
  using cli = new CliWorld()
  const at = new Date(cli.at)
  const { fleet: store } = cli.state
  expect(nodeClocks(store, ['home'], at)[0]?.what).toContain('not measured')
  const clocks = {
    at,
    data: [
      { node: 'a', ahead_s: 0 },
      { node: 'b', ahead_s: -7 },
      { node: 'c', ahead_s: 70 },
    ],
  }
  store.update('home', () => ({
    state: { source: 'home', triedAt: at, complete: true, gaps: [], health: 'up', since: at, failures: 0 },
    put: [],
    remove: [],
    changes: [],
  }))
  store.keepFindings('home', { clocks })
  expect(nodeClocks(store, ['home'], at).map(({ level, what }) => `${level} ${what}`)).toEqual([
    'warning b of home is 7 s behind us, seen 0s ago',
    'problem c of home is 70 s ahead of us, seen 0s ago',
  ])
})
