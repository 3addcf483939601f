import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { sha256 } from '../../src/lib/digest.ts'
import { verifySignature } from '../../src/lib/minisign.ts'
import { canStartMachines, type Machine, startMachine } from '../support/machine.ts'
import { laneOf } from '../support/machine-lane.ts'
import { type StandIn, standIn, writeRelease } from '../support/release.ts'
import { ReleaseBuilds } from '../support/release-build.ts'
import { UpdateWorld } from '../support/update-world.ts'

setDefaultTimeout(600_000)

const isLong = process.env['TAILOPS_TEST_LONG'] === '1'
const root = resolve(import.meta.dirname, '../..')
const builds = new ReleaseBuilds()
let said = ''
let builtAgain: Promise<string>

/** A machine on which the first release serves as install.sh would have it, with the second one in /second. */
async function startServing(): Promise<Machine> {
  const machine = await startMachine()
  machine.run('useradd', '--system', '--home-dir', '/var/lib/tailops', 'tailops')
  machine.run('install', '-d', '-o', 'tailops', '/var/lib/tailops', '-m', '0700')
  machine.run('mkdir', '-p', '/etc/tailops', '/second')
  const local = '  local: { executor: local, capabilities: [system:read] }\n'
  machine.writeFile('etc/tailops/targets.yaml', `version: "1.0"\ntargets:\n${local}`)
  // Only the unit knows where it listens and that its configuration is named.
  machine.writeFile('etc/tailops/tailops.env', 'TAILOPS_LISTEN=127.0.0.1:8181\n')
  machine.writeFile('etc/systemd/system/tailops.service', readFileSync(join(root, 'ct/tailops.service'), 'utf8'))
  writeFileSync(join(machine.root, 'first'), gunzipSync(builds.read('0.1.0', 'tailops-linux-x64.gz')), { mode: 0o755 })
  for (const name of ['manifest.json', 'manifest.json.minisig', 'tailops-linux-x64.gz'])
    writeFileSync(join(machine.root, 'second', name), builds.read('0.2.0', name))
  machine.run('sh', '-c', 'chmod 644 /etc/tailops/* /etc/systemd/system/tailops.service; systemctl daemon-reload')
  await toFirst(machine)
  return machine
}

/** Puts the first release in place by hand, as after an installation. */
async function toFirst(machine: Machine): Promise<void> {
  const text = 'systemctl stop tailops; rm -f /usr/local/bin/*; cp -p /first /usr/local/bin/tailops'
  expect(
    await machine.ran('sh', '-c', `${text}; systemctl reset-failed tailops; systemctl start tailops`),
  ).toMatchObject({ code: 0 })
  expect(await ready(machine)).toBe(0)
}

const ready = async (machine: Machine): Promise<number | null> =>
  (await machine.ran('env', 'TAILOPS_LISTEN=127.0.0.1:8181', '/first', 'health', '--wait', '20')).code

/** What it printed and its exit code. */
const update = async (machine: Machine, ...args: readonly string[]): Promise<string> =>
  (await machine.ran('sh', '-c', '/usr/local/bin/tailops update "$@" 2>&1; echo "exit $?"', 'sh', ...args)).text

const versionOf = (machine: Machine): string => machine.run('/usr/local/bin/tailops', 'version').trim()
const mainPid = (machine: Machine): string => machine.run('systemctl', 'show', '-P', 'MainPID', 'tailops').trim()

/** A client that calls all the time. */
function callAllTheTime(machine: Machine) {
  const minted = machine.run(
    'sh',
    '-c',
    `systemd-run --quiet --wait --pipe -p User=tailops \
    -p Environment=TAILOPS_STATE_DIR=/var/lib/tailops tailops token mint --name load --scopes system:read 2>/dev/null`,
  )
  const caller = [process.execPath, join(root, 'tests/support/release-caller.ts')]
  const args = ['-t', machine.init, '-n', '--', ...caller, 'http://127.0.0.1:8181/mcp', minted.trim()]
  let told: (said: string) => void = () => undefined
  const end = new Promise<string>((resolve) => {
    told = resolve
  })
  const child = execFile('nsenter', args, (_, stdout) => told(stdout))
  return {
    async stop() {
      child.kill('SIGTERM')
      return JSON.parse(await end)
    },
  }
}

beforeAll(async () => {
  // Begun with the others, so that the same files are read.
  builtAgain = builds.build('0.1.0', 'again')
  ;[said] = await Promise.all([builds.build('0.1.0'), builds.build('0.2.0')])
})

const [updating, failing, dying] = [laneOf(startServing), laneOf(startServing), laneOf(startServing)]

afterAll(async () => {
  await Promise.all([updating, failing, dying].map((lane) => lane.stop()))
  builds.remove()
}, 60_000)

describe.concurrent('a release', () => {
  test('is the same to the byte when it is built again', async () => {
    await builtAgain
    const names = ['SHA256SUMS', 'manifest.json', 'manifest.json.minisig', 'tailops.cdx.json', 'tailops-linux-x64.gz']
    for (const name of names) expect(builds.read('again', name).equals(builds.read('0.1.0', name))).toBe(true)
  })

  test('is signed, with a key that it says is for tests', async () => {
    const [, publicKey = ''] = /signed by (\S+)/.exec(said) ?? []
    expect(said).toContain('a test key: no other build trusts it')
    for (const name of ['manifest.json', 'SHA256SUMS']) {
      const signature = builds.read('0.1.0', `${name}.minisig`).toString()
      expect(verifySignature(builds.read('0.1.0', name), signature, [publicKey])).toMatchObject({
        trustedComment: `tailops 0.1.0 ${name}`,
      })
    }
    const summed = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: builds.at('0.1.0') })
    expect(summed.status).toBe(0)
  })

  test('has its version pinned in install.sh', async () => {
    const script = builds.read('0.1.0', 'install.sh').toString()
    expect(script).toContain("\nrelease_version='0.1.0'")
    expect(script).toMatch(/\nrelease_sums='[0-9a-f]{64}'/)
  })

  test('has the hash of that install.sh pinned in the script for Proxmox VE', async () => {
    const installer = sha256(builds.read('0.1.0', 'install.sh'))
    const script = builds.read('0.1.0', 'tailops-gateway.sh').toString()
    expect(script).toContain(`\nrelease_installer='${installer}'`)
    expect(script).toMatch(/\nrelease_version='0.1.0'\nrelease_url=.*\nrelease_sums='[0-9a-f]{64}'/)
  })

  test('names every package that is compiled in, and no other', async () => {
    const bom = JSON.parse(builds.read('0.1.0', 'tailops.cdx.json').toString())
    const names: readonly string[] = bom.components.map((component: { readonly name: string }) => component.name)
    expect(names).toEqual(expect.arrayContaining(['hono', 'zod', 'ssh2', 'dockerode', 'protobufjs', 'bun']))
    for (const other of ['typescript', 'deno', 'fast-check']) expect(names).not.toContain(other)
    expect(bom.components.every((component: { readonly licenses?: unknown }) => component.licenses !== undefined)).toBe(
      true,
    )
  })

  test('is never written over a folder that is none', async () => {
    mkdirSync(builds.at('other'))
    writeFileSync(join(builds.at('other'), 'precious'), '')
    await expect(builds.build('0.1.0', 'other')).rejects.toThrow('is no release')
    expect(builds.read('other', 'precious').length).toBe(0)
  })
})

describe.skipIf(!canStartMachines).concurrent('under systemd', () => {
  test.each([
    ['a manifest that was changed', 'manifest.json', 'is not signed by a key that this build trusts'],
    ['an executable that was changed', 'tailops-linux-x64.gz', 'it was damaged or exchanged'],
  ])(
    '%s is refused, and the same process serves',
    updating.turn(async (machine, _: string, file: string, says: string) => {
      const pid = mainPid(machine)
      cpSync(join(machine.root, 'second'), join(machine.root, 'bad'), { recursive: true })
      // One byte is another: the size stays.
      const bytes = readFileSync(join(machine.root, 'bad', file))
      bytes[100] = (bytes[100] ?? 0) ^ 1
      writeFileSync(join(machine.root, 'bad', file), bytes)
      const refused = await update(machine, '--from', '/bad')
      expect(refused).toContain(says)
      expect(refused).toEndWith('\nexit 5\n')
      expect({ pid: mainPid(machine), version: versionOf(machine) }).toEqual({ pid, version: 'tailops 0.1.0' })
    }),
  )

  test(
    'the hardened service is updated from outside, with its own environment, and goes back, while a client calls all the time',
    updating.turn(async (machine) => {
      const calling = callAllTheTime(machine)
      const updated = await update(machine, '--from', '/second')
      expect(updated).toContain('waiting until http://127.0.0.1:8181/readyz is ready')
      expect(updated).toContain('updated from 0.1.0 to 0.2.0, and it is ready\nexit 0\n')
      expect(machine.run('readlink', `/proc/${mainPid(machine)}/exe`).trim()).toBe('/usr/local/bin/tailops')
      expect(machine.run('stat', '-c', '%U %n', '/var/lib/tailops/before-update/tailops.db')).toStartWith('tailops ')
      expect(machine.run('find', '/var/lib/tailops', '!', '-user', 'tailops')).toBe('')
      expect(await update(machine, '--rollback')).toContain('went back from 0.2.0 to 0.1.0, and it is ready\nexit 0\n')
      expect(machine.run('systemctl', 'is-active', 'tailops').trim()).toBe('active')
      const { right, wrong, longestMs } = await calling.stop()
      expect(wrong).toEqual([])
      expect(right).toBeGreaterThan(10)
      expect(longestMs).toBeLessThan(10_000)
    }),
  )

  const broken: readonly (readonly [string, StandIn['on'], string])[] = [
    ['dies at every start, so that systemd gives up on it', { serve: 'exit 1' }, 'tailops.service has ended'],
    // Waited for a minute.
    ...(isLong ? ([['hangs', { serve: 'exec sleep 600' }, 'did not become ready within 60 s']] as const) : []),
  ]
  test.each(broken)(
    'a version that %s is replaced by the old one',
    failing.turn(async (machine, _: string, on: StandIn['on'], says: string) => {
      writeRelease(join(machine.root, 'broken'), {
        version: '0.3.0',
        executable: standIn({ version: '0.3.0', ...(on && { on }) }),
      })
      const failed = await update(machine, '--from', '/broken')
      expect(failed).toContain(says)
      expect(failed).toContain('0.1.0 runs again\nexit 9\n')
      expect(machine.run('systemctl', 'is-active', 'tailops').trim()).toBe('active')
      expect(versionOf(machine)).toBe('tailops 0.1.0')
    }),
  )

  test.each(moments(17, 1))(
    'an update that is killed after %s s leaves a version that runs, and the next one ends well',
    dying.turn(async (machine, after: string) => {
      // On a fast machine it may have ended before.
      await machine.ran('timeout', '-s', 'KILL', after, 'tailops', 'update', '--from', '/second')
      expect(['tailops 0.1.0', 'tailops 0.2.0']).toContain(versionOf(machine))
      expect(await ready(machine)).toBe(0)
      expect(await update(machine, '--from', '/second')).toEndWith('\nexit 0\n')
      expect(versionOf(machine)).toBe('tailops 0.2.0')
      expect(await ready(machine)).toBe(0)
      await toFirst(machine)
    }),
  )
})

/** Seconds, at random, and the same in every run of the tests; from the first byte that is read to the new version's health. */
function moments(seed: number, few: number): readonly [string][] {
  let state = seed
  const count = isLong ? 20 : few
  return Array.from({ length: count }, (_, index) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return [(((index + state / 2_147_483_648) / count) * 5).toFixed(2)]
  })
}

describe.concurrent('two real releases', () => {
  const asRoot = process.getuid?.() === 0

  function installFirst(world: UpdateWorld): void {
    writeFileSync(world.executable, gunzipSync(builds.read('0.1.0', 'tailops-linux-x64.gz')), { mode: 0o755 })
    const target = '  local: { executor: local, capabilities: [system:read] }'
    writeFileSync(world.config, `version: "1.0"\ntargets:\n${target}\n`)
  }

  const run = (world: UpdateWorld, ...args: readonly string[]) =>
    new Promise<{ readonly code: number | null; readonly out: string }>((done) => {
      const child = spawn(world.executable, args, { env: world.liveEnv, stdio: ['ignore', 'pipe', 'ignore'] })
      let out = ''
      child.stdout.on('data', (chunk) => {
        out += String(chunk)
      })
      child.on('close', (code) => done({ code, out }))
    })

  test('the first, serving, updates itself to the second and goes back; who asks meanwhile gets no wrong answer', async () => {
    await using world = await UpdateWorld.open('stopped')
    installFirst(world)
    world.systemctl('start')
    await world.answersAtAll()
    const asked = world.askAllTheTime('/readyz')
    const second = builds.at('0.2.0')
    const updated = await run(world, 'update', '--json', '--from', second)
    const health = asRoot ? 'ready' : 'not_measured'
    expect(JSON.parse(updated.out)).toMatchObject({ end: 'updated', from: '0.1.0', to: '0.2.0', health })
    expect(updated.code).toBe(0)
    expect(world.installed()).toBe('tailops 0.2.0')
    if (asRoot) expect(JSON.parse(updated.out).backedUp).toEqual(['tailops.db', 'fleet.db'])

    expect((await run(world, '--update', '--check', '--from', second)).code).toBe(0)
    expect((await run(world, 'update', '--from', builds.at('0.1.0'))).code).toBe(6)
    const back = await run(world, 'update', '--json', '--rollback')
    expect(JSON.parse(back.out)).toMatchObject({ end: 'rolled_back', from: '0.2.0', to: '0.1.0', health })
    expect(world.installed()).toBe('tailops 0.1.0')
    const { right, wrong } = await asked.stop()
    expect(wrong).toEqual([])
    expect(right).toBeGreaterThan(0)
  })

  test('a build of the tree, which no key has signed, trusts no release', async () => {
    const entry = join(root, 'src/main.ts')
    const tree = spawnSync(process.execPath, [entry, 'update', '--from', builds.at('0.2.0')], {
      env: { PATH: process.env['PATH'] },
    })
    expect(tree.status).toBe(5)
    expect(String(tree.stderr)).toContain('this build cannot update itself')
  })
})
