import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DockerConnection } from '../../src/core/connection.ts'
import type { Limits, Sent } from '../../src/core/executor.ts'
import { command, get, post } from '../../src/core/operation.ts'
import { openDocker } from '../../src/executors/docker.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { canStartEngines, type DockerEngine, freePort, startEngine } from '../support/docker-engine.ts'
import { executorConformance } from './conformance.ts'

const limits = (more: Partial<Limits> = {}): Limits => ({
  signal: AbortSignal.any([]),
  timeoutMs: 10_000,
  maxOutputBytes: 1024 * 1024,
  ...more,
})

if (canStartEngines) {
  executorConformance('docker', async () => {
    const engine = await startEngine()
    engine.run('web', [], ['sleep', '100000'])
    const { executor, docker } = engine
    const until = () => String(Math.ceil(Date.now() / 1000))
    const events = () => docker('events', '--since', '0', '--until', until(), '--filter', 'event=restart')
    return {
      executor,
      read: { operation: get('/containers/json'), output: '/web' },
      refused: { operation: get('/containers/nope/json'), status: 404 },
      endless: get('/events'),
      async isWorking() {
        const { output } = await executor.perform(get('/info'), limits())
        return JSON.parse(output).NEventsListener > 0
      },
      foreign: command(['docker', 'ps']),
      writes: {
        done: post('/containers/web/restart?t=0'),
        failed: { operation: post('/containers/nope/start'), status: 404 },
        count: () => events().split('restart').length - 1,
      },
      close: () => engine.stop(),
    }
  })
}

describe.skipIf(!canStartEngines)('the docker executor on a real engine', () => {
  let engine: DockerEngine
  beforeAll(async () => {
    engine = await startEngine({ tlsPort: await freePort() })
    engine.run('web', ['--network=none'], ['sh', '-c', 'echo out; echo err >&2; exec sleep 100000'])
    engine.run('tty', ['--network=none', '--tty'], ['sh', '-c', 'echo one; exec sleep 100000'])
  }, 60_000)
  afterAll(async () => {
    await engine.stop()
  }, 60_000)

  const over = (more: Partial<DockerConnection>) =>
    openDocker('box', { ...(engine.secure ?? engine.connection), ...more }, systemClock)

  test('keeps stdout and stderr of a container apart', async () => {
    const path = '/containers/web/logs?stdout=1&stderr=1'
    expect(await engine.executor.perform(get(path), limits())).toMatchObject({ output: 'out\n', errorOutput: 'err\n' })
    const terminal = await engine.executor.perform(get(path.replace('web', 'tty')), limits())
    expect(terminal).toMatchObject({ output: 'one\r\n', errorOutput: '' })
  })

  test('gives 304 and a refusal as outcomes', async () => {
    expect(await engine.executor.perform(post('/containers/web/start'), limits())).toMatchObject({
      ok: true,
      status: 304,
    })
    const refused = await engine.executor.perform(post('/containers/web/unpause'), limits())
    expect(refused).toMatchObject({ ok: false, status: 500, output: expect.stringContaining('is not paused') })
  })

  test('sends a body', async () => {
    const made = await engine.executor.perform(post('/containers/create?name=made', { Image: 'tiny:1' }), limits())
    expect(made.status).toBe(201)
    const gone = await engine.executor.perform(
      { kind: 'request', method: 'DELETE', path: '/containers/made' },
      limits(),
    )
    expect(gone.status).toBe(204)
  })

  test('works over mutual TLS', async () => {
    const outcome = await over({}).perform(get('/containers/json'), limits())
    expect(outcome.output).toContain('/web')
  })

  test('says which side of TLS is not accepted, before anything is sent', async () => {
    const stranger = join(engine.dir, 'stranger')
    engine.certify(stranger)
    await expect(over({ certPath: stranger }).perform(get('/info'), limits())).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('is not trusted'),
    })
    engine.certify(stranger, { trusting: true })
    await expect(over({ certPath: stranger }).perform(get('/info'), limits())).rejects.toMatchObject({
      code: 'credentials_rejected',
    })
    await expect(over({ certPath: '/nowhere' }).perform(get('/info'), limits())).rejects.toMatchObject({
      code: 'credentials_rejected',
      message: '/nowhere/ca.pem cannot be read',
    })
  })

  test('finds out by the container itself whether a lost request did its work', async () => {
    const { executor } = engine
    let ref = ''
    const step = limits({ step: 's', onRef: (given) => (ref = given) })
    const sent = (): Sent => ({ at: new Date(), step: 's', ref })
    await executor.perform(post('/containers/web/restart?t=0'), step)
    expect(await executor.reconcile(post('/containers/web/restart?t=0'), sent())).toMatchObject({ state: 'done' })
    await executor.perform(post('/containers/web/pause'), step)
    expect(await executor.reconcile(post('/containers/web/pause'), sent())).toMatchObject({ state: 'done' })
    expect(await executor.reconcile(post('/containers/web/stop'), sent())).toEqual({
      state: 'unknown',
      reason: 'the container is paused, was running',
    })
    await executor.perform(post('/containers/web/unpause'), step)
    expect(await executor.reconcile(post('/containers/web/unpause'), sent())).toMatchObject({ state: 'done' })
    expect(await executor.reconcile(post('/images/create'), sent())).toMatchObject({ state: 'unknown' })
  })
})

describe('the docker executor', () => {
  let dir: string
  let server: Server | undefined
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tailops-docker-fake-'))
  })
  afterAll(() => {
    server?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  /** A socket that answers `/version` with this text, and then does as it is told. */
  async function listening(version: string, then: (socket: Socket) => void): Promise<string> {
    server?.close()
    const path = join(dir, 'engine.sock')
    server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', (data: Buffer) => {
        if (!data.toString().startsWith('GET /version ')) return then(socket)
        socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${version.length}\r\nConnection: close\r\n\r\n${version}`)
      })
    })
    await new Promise<void>((ready) => server?.listen(path, ready))
    return path
  }

  const at = (socketPath: string, more: Partial<DockerConnection> = {}) =>
    openDocker('box', { kind: 'docker', socketPath, tlsVerify: false, ...more }, systemClock)

  test('says that there is no engine, and how to get one', async () => {
    await expect(at(join(dir, 'none.sock')).perform(get('/info'), limits())).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('is Docker installed and running?'),
    })
    writeFileSync(join(dir, 'file.sock'), '')
    await expect(at(join(dir, 'file.sock')).perform(get('/info'), limits())).rejects.toMatchObject({
      code: 'unreachable',
    })
    const host = `tcp://127.0.0.1:${await freePort()}`
    await expect(at('/nowhere', { host }).perform(get('/info'), limits())).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('asks the engine of its target whatever DOCKER_HOST says', () => {
    const script = `import { openDocker } from './src/executors/docker.ts'
import { get } from './src/core/operation.ts'
import { systemClock } from './src/lib/clock.ts'
const engine = openDocker('box', { kind: 'docker', socketPath: '/nowhere/docker.sock', tlsVerify: false }, systemClock)
const limits = { signal: AbortSignal.any([]), timeoutMs: 5000, maxOutputBytes: 1000 }
await engine.perform(get('/info'), limits).catch((error) => console.log(error.code, error.message))`
    const env = { PATH: process.env['PATH'], DOCKER_HOST: 'tcp://127.0.0.1:1', DOCKER_TLS_VERIFY: '1' }
    const cwd = join(import.meta.dirname, '../..')
    const said = execFileSync(process.execPath, ['-e', script], { cwd, env, encoding: 'utf8' })
    expect(said).toBe('unreachable there is no /nowhere/docker.sock\n')
  })

  test.each(['info', '//info', '/a/../b', '/a b', '/a#b', '/containers/%2e%2e/json'])(
    'does not send %p',
    async (path) => {
      await expect(at(join(dir, 'none.sock')).perform(get(path), limits())).rejects.toMatchObject({
        code: 'invalid_input',
      })
    },
  )

  test('calls a request interrupted whose answer never came, and unreachable one that was never sent', async () => {
    const path = await listening('{"ApiVersion":"1.41"}', (socket) => socket.destroy())
    await expect(at(path).perform(post('/containers/web/stop'), limits())).rejects.toMatchObject({
      code: 'interrupted',
    })
    const dumb = await listening('no JSON', (socket) => socket.destroy())
    await expect(at(dumb).perform(post('/containers/web/stop'), limits())).rejects.toMatchObject({
      code: 'unexpected_reply',
    })
  })

  test('asks for the version itself when who asked for it first has gone', async () => {
    const path = join(dir, 'slow.sock')
    const asked = Promise.withResolvers<void>()
    let first = true
    const slow = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => {
        if (!first) return socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"ApiVersion":"1.41"}')
        first = false
        asked.resolve()
      })
    }).listen(path)
    const executor = at(path)
    const over = new AbortController()
    const gone = executor.perform(get('/info'), limits({ signal: over.signal })).catch((error) => error)
    const other = executor.perform(get('/info'), limits()).catch((error) => error)
    await asked.promise
    over.abort()
    expect((await gone).code).toBe('cancelled')
    expect(await other).toMatchObject({ ok: true })
    slow.close()
  })

  test('calls an answer interrupted that breaks off', async () => {
    const half = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half"'
    const path = await listening('{"ApiVersion":"1.41"}', (socket) => socket.write(half, () => socket.destroy()))
    await expect(at(path).perform(get('/info'), limits())).rejects.toMatchObject({ code: 'interrupted' })
  })

  test.each([
    ['1.41', '1.12', '/v1.41/info'],
    ['1.99', '1.24', '/v1.47/info'],
  ])('speaks the newest API that both know: %s', async (newest, oldest, wanted) => {
    let asked = ''
    const path = await listening(`{"ApiVersion":"${newest}","MinAPIVersion":"${oldest}"}`, (socket) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}')
    })
    server?.on('connection', (socket: Socket) => socket.on('data', (data: Buffer) => (asked = data.toString())))
    await at(path).perform(get('/info'), limits())
    expect(asked).toStartWith(`GET ${wanted} HTTP/1.1`)
  })

  test('refuses an engine that wants a newer API than it knows', async () => {
    const path = await listening('{"ApiVersion":"1.99","MinAPIVersion":"1.90"}', (socket) => socket.destroy())
    await expect(at(path).perform(get('/info'), limits())).rejects.toMatchObject({ code: 'unsupported_target' })
  })
})
