import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { takeExclusive } from '../../src/state/exclusive.ts'
import { signingKey, standIn } from '../support/release.ts'
import { UpdateWorld } from '../support/update-world.ts'

setDefaultTimeout(60_000)

describe('an update that goes well', () => {
  test('puts the new version in the place of the old, keeps the old one beside it, restarts and waits for health', async () => {
    await using world = await UpdateWorld.open()
    expect(await world.update(['--from', world.release({ version: '0.2.0' })])).toBe(0)
    expect(world.out).toBe('updated from 0.1.0 to 0.2.0, and it is ready\n')
    expect(world.err.split('\n').map((line) => line.split(' ')[0])).toEqual(
      'manifest signature version download size hash unpack trial backup keep switch restart health done '.split(' '),
    )
    expect(world.installed()).toBe('tailops 0.2.0')
    expect(world.installed(`${world.executable}.previous`)).toBe('tailops 0.1.0')
    expect(statSync(world.executable).mode & 0o777).toBe(0o755)
    expect(await world.serving()).toBe('0.2.0')
    expect(readdirSync(join(world.dir, 'bin')).sort()).toEqual(['tailops', 'tailops.previous', 'tailops.update-lock'])
  })

  test('--json prints its end as one object', async () => {
    await using world = await UpdateWorld.open('stopped')
    expect(await world.update(['--json', '--from', world.release({ version: '0.2.0' })])).toBe(0)
    expect(JSON.parse(world.out)).toMatchObject({ end: 'updated', from: '0.1.0', to: '0.2.0', health: 'not_measured' })
  })

  test('a service that is stopped stays stopped; --no-restart leaves the old one running', async () => {
    await using stopped = await UpdateWorld.open('stopped')
    expect(await stopped.update(['--from', stopped.release({ version: '0.2.0' })])).toBe(0)
    expect(stopped.out).toContain('nothing was restarted: restart what runs tailops')
    expect(await stopped.serving()).toBeUndefined()
    await using running = await UpdateWorld.open()
    expect(await running.update(['--no-restart', '--from', running.release({ version: '0.2.0' })])).toBe(0)
    expect(running.installed()).toBe('tailops 0.2.0')
    expect(await running.serving()).toBe('0.1.0')
  })

  test('a proxy in the environment is not asked for the health of this machine', async () => {
    await using world = await UpdateWorld.open()
    const from = world.release({ version: '0.2.0' })
    expect(await world.inProcess(['env', 'http_proxy=http://127.0.0.1:9'], { from })).toMatchObject({ code: 0 })
    expect(await world.serving()).toBe('0.2.0')
  })

  test('a strict umask does not keep the user of the service from running it', async () => {
    await using world = await UpdateWorld.open('stopped')
    const from = world.release({ version: '0.2.0' })
    await world.inProcess(['sh', '-c', 'umask 077; exec "$@"', 'sh'], { from })
    expect(world.installed()).toBe('tailops 0.2.0')
    expect(statSync(world.executable).mode & 0o777).toBe(0o755)
  })

  test('--from takes a file of a release as well as its folder', async () => {
    await using world = await UpdateWorld.open('stopped')
    const file = join(world.release({ version: '0.2.0' }), 'tailops-0.2.0-linux-x64.gz')
    expect(await world.update(['--from', file])).toBe(0)
    expect(world.installed()).toBe('tailops 0.2.0')
  })
})

describe('what installs nothing', () => {
  test('--check: 100 when there is a newer version, 0 when there is none', async () => {
    await using world = await UpdateWorld.open('stopped')
    expect(await world.update(['--check', '--from', world.release({ version: '0.2.0' })])).toBe(100)
    expect(world.out).toContain('0.2.0 is available, 0.1.0 is installed')
    expect(await world.update(['--check', '--from', world.release({ version: '0.1.0' })])).toBe(0)
    expect(world.out).toBe('0.1.0 is the newest version\n')
    expect(readdirSync(join(world.dir, 'bin'))).toEqual(['tailops'])
  })

  test('--dry-run tries the new executable on the live configuration, and leaves nothing of it', async () => {
    await using world = await UpdateWorld.open('stopped')
    expect(await world.update(['--dry-run', '--from', world.release({ version: '0.2.0' })])).toBe(0)
    expect(world.err).toContain('trial ')
    expect(world.installed()).toBe('tailops 0.1.0')
    expect(readdirSync(join(world.dir, 'bin'))).toEqual(['tailops', 'tailops.update-lock'])
  })

  test('wrong usage is exit 2', async () => {
    await using world = await UpdateWorld.open('stopped')
    for (const argv of [
      ['--check', '--rollback'],
      ['--version', 'new'],
      ['--channel', 'x'],
      ['--rollback', '--from', 'x'],
    ]) {
      expect(await world.update(argv)).toBe(2)
    }
  })
})

describe('a refused update changes nothing and says why', () => {
  const cases: readonly {
    readonly name: string
    readonly exit: number
    readonly says: string
    readonly release: (world: UpdateWorld) => string
    readonly argv?: readonly string[]
  }[] = [
    {
      name: 'signed by another key',
      exit: 5,
      says: 'is not signed by a key that this build trusts',
      release: (world) => world.release({ version: '0.2.0' }, { key: signingKey('stranger') }),
    },
    {
      name: 'a manifest that was changed after it was signed',
      exit: 5,
      says: 'is not signed',
      release: (world) => {
        const folder = world.release({ version: '0.2.0' })
        const file = join(folder, 'manifest.json')
        writeFileSync(file, readFileSync(file, 'utf8').replace('0.1.0', '0.0.1'))
        return folder
      },
    },
    {
      name: 'no signature at all',
      exit: 4,
      says: 'manifest.json.minisig is not there',
      release: (world) => {
        const folder = world.release({ version: '0.2.0' })
        rmSync(join(folder, 'manifest.json.minisig'))
        return folder
      },
    },
    {
      name: 'one byte changed',
      exit: 5,
      says: 'it was damaged or exchanged',
      release: (world) =>
        world.release({ version: '0.2.0' }, { damage: (packed) => Buffer.from(packed).fill(7, 40, 41) }),
    },
    {
      name: 'cut off',
      exit: 5,
      says: 'the download was cut off',
      release: (world) => world.release({ version: '0.2.0' }, { damage: (packed) => packed.subarray(0, 100) }),
    },
    {
      name: 'longer than signed',
      exit: 4,
      says: 'is longer than',
      release: (world) => world.release({ version: '0.2.0' }, { damage: (packed) => Buffer.concat([packed, packed]) }),
    },
    {
      name: 'an older version',
      exit: 6,
      says: '0.0.9 is older than 0.1.0',
      release: (world) => world.release({ version: '0.0.9' }, { manifest: { min_version: '0.0.1' } }),
    },
    {
      name: 'a version that cannot be reached from here',
      exit: 6,
      says: 'first run tailops update --version 0.1.5',
      release: (world) => world.release({ version: '0.2.0' }, { manifest: { min_version: '0.1.5' } }),
    },
    {
      name: 'another version than was asked for',
      exit: 6,
      says: 'asked for version 0.3.0',
      argv: ['--version', '0.3.0'],
      release: (world) => world.release({ version: '0.2.0' }),
    },
    {
      name: 'no file for this machine',
      exit: 6,
      says: 'has no file for linux-x64',
      release: (world) => world.release({ version: '0.2.0' }, { manifest: { files: [otherFile] } }),
    },
    {
      name: 'a new executable that crashes',
      exit: 7,
      says: 'ended with exit code 139',
      release: (world) => world.release({ version: '0.2.0', on: { version: 'exit 139' } }),
    },
    {
      name: 'a new executable that is no program at all',
      exit: 7,
      says: '`tailops version` of the new executable',
      release: (world) => world.release({ version: '0.2.0' }, { executable: 'not a program' }),
    },
    {
      name: 'a new executable that says it is another version',
      exit: 7,
      says: 'not with "tailops 0.2.0"',
      release: (world) => world.release({ version: '0.2.0', on: { version: 'echo tailops 0.1.9' } }),
    },
    {
      name: 'a new executable that rejects the configuration in use',
      exit: 7,
      says: 'targets.yaml:1:1: error: no',
      release: (world) =>
        world.release({ version: '0.2.0', on: { 'validate-config': 'echo "$2:1:1: error: no"; exit 78' } }),
    },
  ]

  const otherFile = {
    ...{ name: 'tailops-0.2.0-linux-arm64.gz', target: 'linux-arm64', size: 1, sha256: '0'.repeat(64) },
    ...{ binary_size: 1, binary_sha256: '0'.repeat(64) },
  }

  for (const { name, exit, says, release, argv = [] } of cases) {
    test(name, async () => {
      await using world = await UpdateWorld.open('stopped')
      const code = await world.update([...argv, '--from', release(world)])
      expect(world.err).toContain(says)
      expect(code).toBe(exit)
      expect(world.installed()).toBe('tailops 0.1.0')
      expect(readdirSync(join(world.dir, 'bin'))).toEqual(['tailops', 'tailops.update-lock'])
    })
  }

  test('a disk that is full', async () => {
    await using world = await UpdateWorld.open('stopped')
    const folder = join(world.dir, 'bin')
    const from = world.release({ version: '0.2.0' }, { executable: `${standIn({ version: '0.2.0' })}${noise}` })
    const small = `cp ${folder}/tailops ${world.dir}/kept; mount -t tmpfs -o size=64k none ${folder}; cp ${world.dir}/kept ${folder}/tailops
      "$@"; code=$?; ls ${folder} >${world.dir}/left; ${folder}/tailops version >>${world.dir}/left; exit $code`
    const { code } = await world.inProcess(['unshare', '--mount', ...asRoot, 'sh', '-c', small, 'sh'], { from })
    expect(code).toBe(8)
    const left = readFileSync(join(world.dir, 'left'), 'utf8')
    expect(left).toBe('tailops\ntailops.update-lock\ntailops 0.1.0\n')
  })

  test('a new executable that hangs is killed with its children', async () => {
    await using world = await UpdateWorld.open('stopped')
    const pidFile = join(world.dir, 'hanging')
    const from = world.release({ version: '0.2.0', on: { version: `sleep 600 & echo $! >'${pidFile}'; wait` } })
    const patience = { ...world.build.patience, trialMs: 1000 }
    expect(await world.update(['--from', from], { patience })).toBe(7)
    expect(world.err).toContain('did not end within 1 s')
    expect(isRunning(readFileSync(pidFile, 'utf8').trim())).toBe(false)
  })

  test('--allow-downgrade takes an older version', async () => {
    await using world = await UpdateWorld.open('stopped')
    const from = world.release({ version: '0.0.9' }, { manifest: { min_version: '0.0.1' } })
    expect(await world.update(['--allow-downgrade', '--from', from])).toBe(0)
    expect(world.installed()).toBe('tailops 0.0.9')
  })

  test('a build without a key, or that is no release, cannot update itself', async () => {
    await using world = await UpdateWorld.open('stopped')
    const from = world.release({ version: '0.2.0' })
    expect(await world.update(['--from', from], { keys: [] })).toBe(5)
    expect(world.err).toContain('it has no release key, so it can trust none')
    expect(await world.update(['--from', from], { target: undefined })).toBe(5)
    expect(await world.update(['--rollback'], { target: undefined })).toBe(5)
    expect(await world.update([], { projectUrl: '' })).toBe(4)
  })

  test('while another update runs', async () => {
    await using world = await UpdateWorld.open('stopped')
    const other = takeExclusive(`${world.executable}.update-lock`)
    expect(await world.update(['--from', world.release({ version: '0.2.0' })])).toBe(3)
    expect(world.err).toContain('another update is running')
    other?.release()
    expect(await world.update(['--from', world.release({ version: '0.2.0' })])).toBe(0)
  })
})

describe('a new version that is not healthy', () => {
  const unhealthy = {
    'ends at once': 'exit 1',
    'never listens': 'exec sleep 600',
    'says that it is not ready': `exec '${process.execPath}' -e "require('node:http').createServer((_, r) => { r.statusCode = 503; r.end() }).listen(Number(process.env.TAILOPS_LISTEN.split(':')[1]), '127.0.0.1')"`,
  }
  for (const [name, serve] of Object.entries(unhealthy)) {
    test(`${name}: the old one runs again, exit 9`, async () => {
      await using world = await UpdateWorld.open()
      const patience = { trialMs: 5000, readyMs: 2000, settleMs: 300 }
      const code = await world.update(['--from', world.release({ version: '0.2.0', on: { serve } })], { patience })
      expect(world.out).toContain('0.2.0 was not healthy')
      expect(code).toBe(9)
      expect(world.installed()).toBe('tailops 0.1.0')
      expect(await world.serving()).toBe('0.1.0')
      expect(existsSync(`${world.executable}.update-pending`)).toBe(false)
    })
  }

  test('the state that it has migrated is put back, so that the old one can open it', async () => {
    await using world = await UpdateWorld.open()
    const database = join(world.stateDir, 'tailops.db')
    const schema = (version: number) =>
      `'${process.execPath}' -e "new (require('node:sqlite').DatabaseSync)('${database}').exec('PRAGMA user_version = ${version}')"`
    execFileSync('sh', ['-c', schema(2)])
    const from = world.release({ version: '0.2.0', on: { serve: `${schema(3)}; exit 1` } })
    expect(await world.update(['--from', from], { patience: { trialMs: 5000, readyMs: 2000, settleMs: 300 } })).toBe(9)
    expect(world.out).toContain('the older tailops.db put back, the newer kept as *.newer')
    expect(await world.serving()).toBe('0.1.0')
    const versions = ['', '.newer'].map((name) => schemaOf(database + name))
    expect(versions).toEqual([2, 3])
  })

  test('when the old one does not come back either, it is exit 10 and says what to do', async () => {
    await using world = await UpdateWorld.open()
    const from = world.release({ version: '0.2.0', on: { serve: 'exit 1' } })
    world.install({ version: '0.1.0', on: { serve: 'exit 1' } })
    const patience = { trialMs: 5000, readyMs: 500, settleMs: 100 }
    expect(await world.update(['--from', from], { patience })).toBe(10)
    expect(world.out).toContain('neither 0.2.0 nor 0.1.0 is healthy')
    expect(world.installed()).toBe('tailops 0.1.0')
  })
})

describe('--rollback', () => {
  test('goes back to the version before, once', async () => {
    await using world = await UpdateWorld.open()
    await world.update(['--from', world.release({ version: '0.2.0' })])
    expect(await world.update(['--rollback'])).toBe(0)
    expect(world.out).toBe('went back from 0.2.0 to 0.1.0, and it is ready\n')
    expect(world.installed()).toBe('tailops 0.1.0')
    expect(await world.serving()).toBe('0.1.0')
    expect(await world.update(['--rollback'])).toBe(6)
    expect(world.err).toContain('there is no other version')
  })

  test('a previous executable that does not run is not put in place', async () => {
    await using world = await UpdateWorld.open('stopped')
    writeFileSync(`${world.executable}.previous`, standIn({ version: '0.0.1', on: { version: 'exit 1' } }), {
      mode: 0o755,
    })
    expect(await world.update(['--rollback'])).toBe(7)
    expect(world.installed()).toBe('tailops 0.1.0')
  })
})

/** Cannot be compressed. */
const noise = Buffer.from(new Float64Array(20_000).map((_, index) => Math.sin(index * 1e5) * 1e300).buffer).toString(
  'base64',
)

/** Who is not root may mount in a user namespace of their own. */
const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user']

function schemaOf(path: string): number {
  const database = new DatabaseSync(path)
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  database.close()
  return version
}

function isRunning(pid: string): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}
