import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { readSigningKey, verifySignature } from '../../src/lib/minisign.ts'
import { canStartMachines, type Machine, startMachine } from '../support/machine.ts'
import { standIn, writeRelease } from '../support/release.ts'
import { UpdateWorld } from '../support/update-world.ts'

setDefaultTimeout(300_000)

const root = resolve(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'tailops-release-'))
const key = join(dir, 'key')
const [first, again, second] = [join(dir, 'first'), join(dir, 'again'), join(dir, 'second')]

/** As `npm run release` does, for x64 alone. */
function release(out: string, version: string): string {
  const args = ['.ci/release.ts', '--out', out, '--targets', 'linux-x64', '--test-key', key, '--version', version]
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], SOURCE_DATE_EPOCH: '1790000000' }
  return execFileSync(process.execPath, args, { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}

const inRelease = (folder: string, name: string): Buffer => readFileSync(join(folder, name))
let said = ''

beforeAll(() => {
  said = release(first, '0.1.0')
  release(second, '0.2.0')
})

afterAll(() => rmSync(dir, { recursive: true }))

describe('a release', () => {
  test('is the same to the byte when it is built again', () => {
    release(again, '0.1.0')
    for (const name of [
      'SHA256SUMS',
      'manifest.json',
      'manifest.json.minisig',
      'tailops.cdx.json',
      'tailops-linux-x64.gz',
    ]) {
      expect(inRelease(again, name).equals(inRelease(first, name))).toBe(true)
    }
    rmSync(again, { recursive: true })
  })

  test('is signed, with a key that it says is for tests', () => {
    const [, publicKey = ''] = /signed by (\S+)/.exec(said) ?? []
    expect(said).toContain('a test key: no other build trusts it')
    for (const name of ['manifest.json', 'SHA256SUMS']) {
      const signature = inRelease(first, `${name}.minisig`).toString()
      expect(verifySignature(inRelease(first, name), signature, [publicKey])).toMatchObject({
        trustedComment: `tailops 0.1.0 ${name}`,
      })
    }
    const summed = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: first })
    expect(summed.status).toBe(0)
  })

  test('has its version pinned in install.sh', () => {
    const script = inRelease(first, 'install.sh').toString()
    expect(script).toContain("\nrelease_version='0.1.0'")
    expect(script).toMatch(/\nrelease_sums='[0-9a-f]{64}'/)
  })

  test('names every package that is compiled in, and no other', () => {
    const bom = JSON.parse(inRelease(first, 'tailops.cdx.json').toString())
    const names: readonly string[] = bom.components.map((component: { readonly name: string }) => component.name)
    expect(names).toEqual(expect.arrayContaining(['hono', 'zod', 'ssh2', 'dockerode', 'protobufjs', 'bun']))
    for (const other of ['typescript', 'deno', 'fast-check']) expect(names).not.toContain(other)
    expect(bom.components.every((component: { readonly licenses?: unknown }) => component.licenses !== undefined)).toBe(
      true,
    )
  })

  test('is never written over a folder that is none', () => {
    const other = mkdtempSync(join(dir, 'other-'))
    writeFileSync(join(other, 'precious'), '')
    expect(() => release(other, '0.1.0')).toThrow()
    expect(inRelease(other, 'precious').length).toBe(0)
  })
})

describe.skipIf(!canStartMachines)('under systemd', () => {
  let machine: Machine

  beforeAll(async () => {
    machine = await startMachine()
    machine.run('useradd', '--system', '--home-dir', '/var/lib/tailops', 'tailops')
    machine.run('install', '-d', '-o', 'tailops', '/var/lib/tailops', '-m', '0700')
    machine.run('mkdir', '-p', '/etc/tailops', '/second')
    machine.writeFile(
      'etc/tailops/targets.yaml',
      'version: "1.0"\ntargets:\n  local: { executor: local, capabilities: [system:read] }\n',
    )
    // Only the unit knows where it listens and that its configuration is named.
    machine.writeFile('etc/tailops/tailops.env', 'TAILOPS_LISTEN=127.0.0.1:8181\n')
    writeFileSync(join(machine.root, 'usr/local/bin/tailops'), gunzipSync(inRelease(first, 'tailops-linux-x64.gz')), {
      mode: 0o755,
    })
    for (const name of ['manifest.json', 'manifest.json.minisig', 'tailops-linux-x64.gz']) {
      writeFileSync(join(machine.root, 'second', name), inRelease(second, name))
    }
    writeFileSync(
      join(machine.root, 'etc/systemd/system/tailops.service'),
      readFileSync(join(root, 'ct/tailops.service')),
    )
    machine.run(
      'chmod',
      '644',
      '/etc/tailops/targets.yaml',
      '/etc/tailops/tailops.env',
      '/etc/systemd/system/tailops.service',
    )
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'start', 'tailops')
  })

  afterAll(() => machine.stop())

  /** Its exit code and what it printed; a machine's programs throw when they fail. */
  const update = (...args: readonly string[]): string =>
    machine.run('sh', '-c', '/usr/local/bin/tailops update "$@" 2>&1; echo "exit $?"', 'sh', ...args)
  const runs = (): string => machine.run('sh', '-c', 'readlink "/proc/$(systemctl show -P MainPID tailops)/exe"').trim()

  test('the hardened service is updated from outside, with its own environment, and goes back', () => {
    const updated = update('--from', '/second')
    expect(updated).toContain('waiting until http://127.0.0.1:8181/readyz is ready')
    expect(updated).toContain('updated from 0.1.0 to 0.2.0, and it is ready\nexit 0\n')
    expect(runs()).toBe('/usr/local/bin/tailops')
    expect(machine.run('stat', '-c', '%U %n', '/var/lib/tailops/before-update/tailops.db')).toStartWith('tailops ')
    expect(machine.run('find', '/var/lib/tailops', '!', '-user', 'tailops')).toBe('')

    expect(update('--rollback')).toContain('went back from 0.2.0 to 0.1.0, and it is ready\nexit 0\n')
    expect(machine.run('systemctl', 'is-active', 'tailops').trim()).toBe('active')
  })

  test('a version that dies at every start is replaced by the old one, although systemd has given up on it', () => {
    const executable = standIn({ version: '0.3.0', on: { serve: 'exit 1' } })
    writeRelease(join(machine.root, 'broken'), {
      ...{ version: '0.3.0', executable, key: readSigningKey(readFileSync(key, 'utf8')) },
    })
    const failed = update('--from', '/broken')
    expect(failed).toContain('tailops.service has ended')
    expect(failed).toContain('0.1.0 runs again\nexit 9\n')
    expect(machine.run('systemctl', 'is-active', 'tailops').trim()).toBe('active')
    expect(machine.run('/usr/local/bin/tailops', 'version').trim()).toBe('tailops 0.1.0')
  })
})

describe('two real releases', () => {
  const asRoot = process.getuid?.() === 0

  function installFirst(world: UpdateWorld): void {
    writeFileSync(world.executable, gunzipSync(inRelease(first, 'tailops-linux-x64.gz')), { mode: 0o755 })
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
    const updated = await run(world, 'update', '--json', '--from', second)
    const health = asRoot ? 'ready' : 'not_measured'
    expect(JSON.parse(updated.out)).toMatchObject({ end: 'updated', from: '0.1.0', to: '0.2.0', health })
    expect(updated.code).toBe(0)
    expect(world.installed()).toBe('tailops 0.2.0')
    if (asRoot) expect(JSON.parse(updated.out).backedUp).toEqual(['tailops.db', 'fleet.db'])

    expect((await run(world, '--update', '--check', '--from', second)).code).toBe(0)
    expect((await run(world, 'update', '--from', first)).code).toBe(6)
    const back = await run(world, 'update', '--json', '--rollback')
    expect(JSON.parse(back.out)).toMatchObject({ end: 'rolled_back', from: '0.2.0', to: '0.1.0', health })
    expect(world.installed()).toBe('tailops 0.1.0')
    const { right, wrong } = await asked.stop()
    expect(wrong).toEqual([])
    expect(right).toBeGreaterThan(0)
  })

  test('a build of the tree, which no key has signed, trusts no release', async () => {
    const entry = join(root, 'src/main.ts')
    const tree = spawnSync(process.execPath, [entry, 'update', '--from', second], {
      env: { PATH: process.env['PATH'] },
    })
    expect(tree.status).toBe(5)
    expect(String(tree.stderr)).toContain('this build cannot update itself')
  })
})
