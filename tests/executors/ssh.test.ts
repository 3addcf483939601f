import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import type { SshConnection } from '../../src/core/connection.ts'
import type { Executor } from '../../src/core/executor.ts'
import { command, get } from '../../src/core/operation.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { type LinkParts, openSshLinks } from '../../src/executors/ssh-links.ts'
import { wrapped } from '../../src/executors/ssh-wrapper.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Secret } from '../../src/lib/secret.ts'
import { movedClock } from '../support/moved-clock.ts'
import { freePort, type Sshd, startSshd } from '../support/sshd.ts'
import { executorConformance, limits } from './conformance.ts'

executorConformance('ssh', async () => {
  const sshd = await startSshd()
  const log = join(sshd.dir, 'log-of-writes')
  appendFileSync(log, '')
  const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
  const executor = openSsh({ id: 'web-1', connection: sshd.connection(), links, scripts: {}, clock: systemClock })
  // Both the shell and what it started must end.
  const endless = command(['sh', '-c', `sleep 62.${sshd.port} & : "$1"; wait`, 'sh', sshd.dir])
  return {
    executor,
    read: { operation: command(['uname', '-s']), output: 'Linux' },
    refused: { operation: command(['sh', '-c', 'echo no >&2; exit 7']), status: 7 },
    endless,
    isWorking: () => spawnSync('pgrep', ['-f', `^sh -c .*${sshd.dir}$|^sleep 62.${sshd.port}$`]).status === 0,
    foreign: get('/targets'),
    writes: {
      done: command(['sh', '-c', 'echo done >>"$1"', 'sh', log]),
      failed: { operation: command(['sh', '-c', 'exit 9']), status: 9 },
      count: () => readFileSync(log, 'utf8').split('done').length - 1,
    },
    close: () => sshd.stop(),
  }
})

describe('an ssh target', () => {
  let sshd: Sshd
  const opened: Executor[] = []
  beforeAll(async () => {
    sshd = await startSshd()
  })
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close()
  })
  afterAll(() => sshd.stop())

  const over = (connection: SshConnection, more: Partial<LinkParts> = {}): Executor => {
    const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined, ...more })
    const executor = openSsh({ id: 'web-1', connection, links, scripts: {}, clock: systemClock })
    opened.push(executor)
    return executor
  }
  const hello = command(['echo', 'hello'])
  const failure = (executor: Executor, operation = hello) =>
    executor.perform(operation, limits()).catch((error) => error)

  test('gets arguments unchanged', async () => {
    const executor = over(sshd.connection())
    const word = fc
      .string({ unit: 'binary', maxLength: 30 })
      .filter((text) => !text.includes('\0') && text.isWellFormed())
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 5 }), async (words) => {
        const { output } = await executor.perform(command(['printf', '%s\\0', ...words]), limits())
        expect(output).toBe(words.map((one) => `${one}\0`).join(''))
      }),
      { numRuns: 15 },
    )
  })

  test('gets standard input, of a read and of a write', async () => {
    const executor = over(sshd.connection())
    const cat = command(['cat'], { stdin: 'wörd\n' })
    expect((await executor.perform(cat, limits())).output).toBe('wörd\n')
    expect((await executor.perform(cat, limits({ step: 'stdin-0-do' }))).output).toBe('wörd\n')
  })

  test('is asked for at most 8 things at once', async () => {
    const executor = over(sshd.connection())
    const outcomes = await Promise.all(Array.from({ length: 24 }, () => executor.perform(hello, limits())))
    expect(new Set(outcomes.map(({ output }) => output))).toEqual(new Set(['hello\n']))
  })

  test('whose port refuses is unreachable, and is not asked again at once', async () => {
    const executor = over({ ...sshd.connection(), port: await freePort() })
    expect(await failure(executor)).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    })
    expect((await failure(executor)).message).toContain('not yet again')
  })

  test('whose name is not known is unreachable', async () => {
    expect(await failure(over(sshd.connection({ host: 'no-such-host.invalid' })))).toMatchObject({
      code: 'unreachable',
    })
  })

  test('that does not take the key rejects the credentials', async () => {
    const keyPath = join(sshd.dir, 'other_key')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keyPath])
    expect(await failure(over(sshd.connection({ keyPath })))).toMatchObject({ code: 'credentials_rejected' })
  })

  test('is logged in to with an encrypted key, if the passphrase is right', async () => {
    const keyPath = join(sshd.dir, 'encrypted_key')
    execFileSync('cp', [sshd.keyPath, keyPath])
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'correct horse', '-f', keyPath])
    const right = sshd.connection({ keyPath, passphrase: new Secret('correct horse') })
    expect((await over(right).perform(hello, limits())).output).toBe('hello\n')
    const wrong = sshd.connection({ keyPath, passphrase: new Secret('wrong') })
    expect(await failure(over(wrong))).toMatchObject({ code: 'credentials_rejected' })
  })

  test('whose host key nobody has accepted is refused, with the line that would accept it', async () => {
    const error = await failure(over(sshd.connection({ hostKey: undefined })))
    expect(error).toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining(`host_key: "${sshd.fingerprint}"`),
    })
  })

  test('whose host key has changed is refused, with both fingerprints', async () => {
    const error = await failure(over(sshd.connection({ hostKey: 'SHA256:formerly' })))
    expect(error.code).toBe('unreachable')
    expect(error.message).toContain(sshd.fingerprint)
    expect(error.message).toContain('SHA256:formerly')
  })

  test('is known by known_hosts as OpenSSH writes it: plain, hashed, revoked', async () => {
    const knownHosts = join(sshd.dir, 'known_hosts')
    const known = sshd.connection({ hostKey: undefined, knownHosts })
    const place = `[127.0.0.1]:${sshd.port}`
    writeFileSync(knownHosts, `# hosts\nother.example,${place} ${sshd.hostKey}\n`)
    expect((await over(known).perform(hello, limits())).ok).toBe(true)
    execFileSync('ssh-keygen', ['-q', '-H', '-f', knownHosts], { stdio: 'ignore' })
    expect(readFileSync(knownHosts, 'utf8')).toContain('|1|')
    expect((await over(known).perform(hello, limits())).ok).toBe(true)
    writeFileSync(knownHosts, `@revoked * ${sshd.hostKey}\n${place} ${sshd.hostKey}\n`)
    expect((await failure(over(known))).message).toContain('@revoked')
  })

  test('is pinned at first contact where that is allowed, and held to it', async () => {
    const pins = new Map<string, string>()
    const connection = sshd.connection({ hostKey: undefined, acceptNew: true })
    expect((await over(connection, { pins }).perform(hello, limits())).ok).toBe(true)
    expect(pins.get('web-1')).toBe(sshd.fingerprint)
    pins.set('web-1', 'SHA256:formerly')
    expect(await failure(over(connection, { pins }))).toMatchObject({ code: 'unreachable' })
    expect((await failure(over(connection))).message).toContain('no place to remember')
  })

  test('is reached through another one', async () => {
    const bastion = await startSshd()
    const ways = new Map([['bastion', bastion.connection()]])
    const executor = over(sshd.connection({ jump: 'bastion' }), { connectionOf: (id) => ways.get(id) })
    expect((await executor.perform(hello, limits())).output).toBe('hello\n')
    await executor.close()
    await bastion.stop()
  })

  test('whose jump hosts go in a circle is refused', async () => {
    const connection = sshd.connection({ jump: 'bastion' })
    const ways = new Map([
      ['bastion', sshd.connection({ jump: 'web-1' })],
      ['web-1', connection],
    ])
    const error = await failure(over(connection, { connectionOf: (id) => ways.get(id) }))
    expect(error.message).toContain('web-1 → bastion → web-1')
  })

  test('is left after five idle minutes, and reconnected to when it is needed', async () => {
    const clock = movedClock()
    const executor = over(sshd.connection(), { clock })
    const whose = async () => (await executor.perform(command(['sh', '-c', 'echo $PPID']), limits())).output
    const first = await whose()
    expect(await whose()).toBe(first)
    await clock.sleeper(300_000)
    clock.advance(300_000)
    expect(await whose()).not.toBe(first)
  })

  test('that loses the connection amid a write is interrupted, and tells the true end afterwards', async () => {
    const executor = over(sshd.connection())
    const fifo = join(sshd.dir, 'fifo')
    execFileSync('mkfifo', [fifo])
    const begun = Promise.withResolvers<string>()
    const write = command(['sh', '-c', 'cat "$1"; exit 3', 'sh', fifo])
    const performing = executor
      .perform(write, limits({ step: 'lost-0-do', onRef: begun.resolve }))
      .catch((error) => error)
    const sent = { at: new Date(), step: 'lost-0-do', ref: await begun.promise }
    sshd.cutConnections()
    expect(await performing).toMatchObject({ code: 'interrupted' })
    expect(await executor.reconcile(write, sent)).toEqual({ state: 'running' })
    writeFileSync(fifo, 'late\n')
    let found = await executor.reconcile(write, sent)
    while (found.state === 'running') found = await executor.reconcile(write, sent)
    expect(found).toMatchObject({ state: 'failed', outcome: { status: 3, output: 'late\n' } })
  })

  test('keeps nothing of a write whose end was seen', async () => {
    await over(sshd.connection()).perform(hello, limits({ step: 'seen-0-do' }))
    expect(readdirSync(join(sshd.dir, '.tailops/steps')).filter((name) => name.startsWith('seen'))).toEqual([])
  })

  test('that accepts the connection and says nothing is unreachable', async () => {
    const silent = createServer((socket) => socket.resume())
    const port = await freePort()
    await new Promise<void>((resolve) => silent.listen(port, '127.0.0.1', resolve))
    const error = await failure(over(sshd.connection({ port, connectTimeoutMs: 100 })))
    expect(error).toMatchObject({ code: 'unreachable', hint: expect.stringContaining('connection.timeout') })
    await new Promise((resolve) => silent.close(resolve))
  })

  test('is logged in to with a key that an agent holds', async () => {
    const socket = join(sshd.dir, 'agent')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
    await new Promise((resolve) => agent.stdout.once('data', resolve))
    execFileSync('ssh-add', ['-q', sshd.keyPath], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
    const connection = sshd.connection({ keyPath: undefined, agent: true })
    expect((await over(connection, { agentSocket: socket }).perform(hello, limits())).output).toBe('hello\n')
    expect(await failure(over({ ...connection, agent: `${socket}-gone` }))).toMatchObject({
      code: 'credentials_rejected',
    })
    const ended = new Promise((resolve) => agent.once('exit', resolve))
    agent.kill()
    await ended
  })

  test('does not begin a write whose input did not arrive whole', async () => {
    const log = join(sshd.dir, 'unbegun')
    const step = { name: 'cut-0-do', inputBytes: 10, maxOutputBytes: 100 }
    const line = wrapped({ nonce: 'nonce', argv: ['touch', log], mayBecomeRoot: false, keep: step })
    const env = { PATH: process.env['PATH'], HOME: sshd.dir }
    const { stdout } = spawnSync('sh', ['-c', line], { input: 'half', env, encoding: 'utf8' })
    expect(stdout).toMatch(/^\x1enonce \d+ \d+:\d+ - cut\n$/)
    expect(existsSync(log)).toBe(false)
  })

  test('is reconnected to after the connection was lost', async () => {
    const executor = over(sshd.connection())
    await executor.perform(hello, limits())
    sshd.cutConnections()
    await failure(executor)
    expect((await executor.perform(hello, limits())).output).toBe('hello\n')
  })
})
