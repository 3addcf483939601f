import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DockerConnection, SshConnection } from '../../src/core/connection.ts'
import type { Executor } from '../../src/core/executor.ts'
import { command, get, post } from '../../src/core/operation.ts'
import { openDocker } from '../../src/executors/docker.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks, type SshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { canStartEngines, type DockerEngine, startEngine } from '../support/docker-engine.ts'
import { eventually } from '../support/eventually.ts'
import { freePort, type Sshd, startSshd } from '../support/sshd.ts'
import { executorConformance, limits } from './conformance.ts'

// A test that takes too long would end the processes of all others.
setDefaultTimeout(60_000)

const linksOver = (connection: SshConnection): SshLinks =>
  openSshLinks({ clock: systemClock, connectionOf: (id) => (id === 'web' ? connection : undefined) })

const engineVia = (links: SshLinks, socketPath: string, more: Partial<DockerConnection> = {}): Executor => {
  const connection = { kind: 'docker', socketPath, tlsVerify: false, via: 'web', ...more } as const
  return openDocker('web/docker', { ...connection, link: links.reach('web') }, systemClock)
}

/** What sshd allows, and by which way requests then travel. */
const ways = [
  ['forwarded by sshd', []],
  ['through the docker command', ['AllowStreamLocalForwarding no']],
] as const

for (const [way, lines] of canStartEngines ? ways : []) {
  executorConformance(`docker, ${way}`, async () => {
    const [engine, sshd] = await Promise.all([startEngine(), startSshd(lines)])
    engine.run('web', [], ['sleep', '100000'])
    const executor = engineVia(linksOver(sshd.connection()), engine.connection.socketPath)
    const until = () => String(Math.ceil(Date.now() / 1000))
    const events = () => engine.docker('events', '--since', '0', '--until', until(), '--filter', 'event=restart')
    return {
      executor,
      read: { operation: get('/containers/json'), output: '/web' },
      refused: { operation: get('/containers/nope/json'), status: 404 },
      endless: get('/events'),
      async isWorking() {
        const { output } = await engine.executor.perform(get('/info'), limits())
        return JSON.parse(output).NEventsListener > 0
      },
      foreign: command(['docker', 'ps']),
      writes: {
        done: post('/containers/web/restart?t=0'),
        failed: { operation: post('/containers/nope/start'), status: 404 },
        count: () => events().split('restart').length - 1,
      },
      async close() {
        await engine.stop()
        await sshd.stop()
      },
    }
  })
}

describe.skipIf(!canStartEngines)('an engine on the machine of an ssh target', () => {
  let engine: DockerEngine
  beforeAll(async () => {
    engine = await startEngine()
    engine.run(
      'web',
      ['--network=none'],
      ['sh', '-c', 'trap "" TERM; echo out; echo err >&2; while :; do sleep 1; done'],
    )
  })
  afterAll(() => engine.stop())

  /** How often the engine has sent a signal to a container, by its own account. */
  const killsOf = (name: string): number => {
    const until = String(Math.ceil(Date.now() / 1000))
    const filters = ['--filter', 'event=kill', '--filter', `container=${name}`]
    return engine.docker('events', '--since', '0', '--until', until, ...filters).split('\n').length - 1
  }

  describe.each(ways)('%s', (_way, lines) => {
    let sshd: Sshd
    let links: SshLinks
    let executor: Executor
    beforeAll(async () => {
      sshd = await startSshd(lines)
      links = linksOver(sshd.connection())
      executor = engineVia(links, engine.connection.socketPath)
    })
    afterAll(async () => {
      await executor.close()
      await sshd.stop()
    })

    test('gives the log of a container, each stream for itself, and what a container sent a body for', async () => {
      const path = '/containers/web/logs?stdout=1&stderr=1'
      expect(await executor.perform(get(path), limits())).toMatchObject({ output: 'out\n', errorOutput: 'err\n' })
      const body = { Image: 'tiny:1', Env: ['A=ü'.repeat(1000)] }
      const made = await executor.perform(post('/containers/create?name=made', body), limits())
      expect(made.status).toBe(201)
      expect(engine.docker('inspect', '--format', '{{.Config.Env}}', 'made')).toContain('A=ü'.repeat(1000))
      engine.docker('rm', 'made')
    })

    test('takes many requests at once beside commands of the machine, over one connection', async () => {
      const machine = openSsh({ id: 'web', connection: sshd.connection(), links, scripts: {}, clock: systemClock })
      const both = Array.from({ length: 12 }, () => [
        executor.perform(get('/containers/json'), limits()),
        machine.perform(command(['echo', 'hello']), limits()),
      ]).flat()
      expect(new Set((await Promise.all(both)).map(({ ok }) => ok))).toEqual(new Set([true]))
      expect(readFileSync(join(sshd.dir, 'log'), 'utf8').match(/Accepted publickey/g)).toHaveLength(1)
      await machine.close()
    })

    test('that has no room for one more request did not get it, and has room again', async () => {
      const over = new AbortController()
      const endless = Array.from({ length: 8 }, () =>
        executor.perform(get('/events'), limits({ signal: over.signal })).catch((error) => error),
      )
      await eventually(() => listenersOf(engine) === 8, 'eight listen')
      expect(await executor.perform(get('/info'), limits({ timeoutMs: 200 })).catch((error) => error)).toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining('nothing was sent'),
      })
      over.abort()
      expect(new Set((await Promise.all(endless)).map(({ code }) => code))).toEqual(new Set(['cancelled']))
      const again = await Promise.all(Array.from({ length: 16 }, () => executor.perform(get('/info'), limits())))
      expect(new Set(again.map(({ ok }) => ok))).toEqual(new Set([true]))
      await eventually(() => listenersOf(engine) === 0, 'nobody listens')
    })

    test('whose ssh connection is lost amid a change is asked itself what became of it', async () => {
      let ref = ''
      const name = `stubborn-${lines.length}`
      engine.run(name, ['--network=none'], ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'])
      const restart = post(`/containers/${name}/restart?t=2`)
      const step = limits({ step: 's-0-do', onRef: (given) => (ref = given) })
      const lost = executor.perform(restart, step).catch((error) => error)
      await eventually(() => ref !== '', 'the request began')
      await eventually(() => killsOf(name) > 0, 'the engine began')
      sshd.cutConnections()
      expect(await lost).toMatchObject({ code: 'interrupted', message: expect.stringContaining('docker.sock on web') })
      const found = await executor.reconcile(restart, { at: new Date(), step: 's-0-do', ref })
      expect(['done', 'unknown']).toContain(found.state)
    })

    test('without a socket is unreachable', async () => {
      const nowhere = engineVia(links, '/nowhere/docker.sock')
      await expect(nowhere.perform(get('/info'), limits())).rejects.toMatchObject({
        code: 'unreachable',
        message: 'there is no socket /nowhere/docker.sock on web',
      })
      await nowhere.close()
    })

    test('whose socket nobody listens at is unreachable', async () => {
      const stale = join(sshd.dir, 'stale.sock')
      execFileSync('python3', ['-c', 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', stale])
      const executorOfStale = engineVia(links, stale)
      await expect(executorOfStale.perform(post('/containers/web/stop'), limits())).rejects.toMatchObject({
        code: 'unreachable',
        message: `the docker command of web gave no connection to ${stale}`,
      })
      await executorOfStale.close()
    })

    test('that breaks off an answer interrupts', async () => {
      const path = join(sshd.dir, 'broken.sock')
      const server = createServer((socket) => {
        socket.on('error', () => undefined)
        socket.once('data', (data: Buffer) => {
          const version = '{"ApiVersion":"1.41"}'
          const whole = `HTTP/1.1 200 OK\r\nContent-Length: ${version.length}\r\nConnection: close\r\n\r\n${version}`
          const half = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half"'
          socket.end(data.toString().startsWith('GET /version ') ? whole : half)
        })
      }).listen(path)
      const broken = engineVia(links, path)
      await expect(broken.perform(post('/containers/web/stop'), limits())).rejects.toMatchObject({
        code: 'interrupted',
      })
      await broken.close()
      server.close()
    })
  })

  test('whose sshd refuses the connection is unreachable, and nothing was sent', async () => {
    const sshd = await startSshd()
    const executor = engineVia(linksOver(sshd.connection({ port: await freePort() })), engine.connection.socketPath)
    await expect(executor.perform(post('/containers/web/stop'), limits())).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('web: no ssh connection to 127.0.0.1'),
    })
    await executor.close()
    await sshd.stop()
  })

  test('that can be reached in neither way says what to do', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'tailops-bin-'))
    for (const name of ['sh', 'id']) symlinkSync(`/usr/bin/${name}`, join(bin, name))
    const sshd = await startSshd(['AllowStreamLocalForwarding no'], { PATH: bin })
    const executor = engineVia(linksOver(sshd.connection()), engine.connection.socketPath)
    await expect(executor.perform(get('/info'), limits())).rejects.toMatchObject({
      code: 'unreachable',
      message: `the sshd of web does not forward to ${engine.connection.socketPath}, and it has no docker command`,
      hint: expect.stringContaining('AllowStreamLocalForwarding yes'),
    })
    await executor.close()
    await sshd.stop()
    rmSync(bin, { recursive: true })
  })

  test('behind a login shell that talks is understood', async () => {
    const talking = 'ForceCommand echo Welcome; echo noise >&2; sh -c "$SSH_ORIGINAL_COMMAND"'
    const sshd = await startSshd(['AllowStreamLocalForwarding no', talking])
    const executor = engineVia(linksOver(sshd.connection()), engine.connection.socketPath)
    expect(await executor.perform(get('/containers/json'), limits())).toMatchObject({ ok: true, status: 200 })
    await executor.close()
    await sshd.stop()
  })

  test('whose socket is not for the login user rejects the credentials', async () => {
    const sshd = await startSshd()
    const { port, stop } = await startSshdForGuest(sshd)
    chmodSync(engine.dir, 0o711)
    const executor = engineVia(linksOver(sshd.connection({ port, username: 'guest' })), engine.connection.socketPath)
    await expect(executor.perform(get('/info'), limits())).rejects.toMatchObject({
      code: 'credentials_rejected',
      message: `${engine.connection.socketPath} may not be opened by the user that logs in to web`,
      hint: expect.stringContaining('group docker'),
    })
    await executor.close()
    await stop()
    await sshd.stop()
  })
})

/** Requests for events that the engine answers now. */
const listenersOf = (engine: DockerEngine): number =>
  Number(engine.docker('info', '--format', '{{.NEventsListener}}').trim())

/** The same sshd on another port, where the account `guest` exists too, which is in no group. */
async function startSshdForGuest(sshd: Sshd): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const port = await freePort()
  const passwd = join(sshd.dir, 'passwd')
  writeFileSync(passwd, `${readFileSync('/etc/passwd', 'utf8')}guest:x:64999:64999::/nonexistent:/bin/sh\n`)
  chmodSync(sshd.dir, 0o711)
  const script = 'mount --bind "$1/passwd" /etc/passwd; exec /usr/sbin/sshd -D -p "$2" -f "$1/config" -E "$1/log"'
  const config = join(sshd.dir, 'config')
  writeFileSync(config, readFileSync(config, 'utf8').replace(/^Port .*$/m, ''))
  const process = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', sshd.dir, String(port)], { stdio: 'ignore' })
  await listening(port, process)
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        process.once('exit', () => resolve())
        process.kill()
      }),
  }
}

async function listening(port: number, process: ChildProcess): Promise<void> {
  for (const until = performance.now() + 10_000; performance.now() < until && process.exitCode === null; ) {
    const answers = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('data', () => resolve(socket.destroy() !== undefined))
      socket.once('error', () => resolve(false))
    })
    if (answers) return
  }
  throw new Error('sshd does not listen')
}
