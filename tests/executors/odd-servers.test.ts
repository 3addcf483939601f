import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { SshConnection } from '../../src/core/connection.ts'
import type { Executor } from '../../src/core/executor.ts'
import { command } from '../../src/core/operation.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Secret } from '../../src/lib/secret.ts'
import { freePort, type Sshd, startSshd } from '../support/sshd.ts'
import { limits } from './conformance.ts'

setDefaultTimeout(60_000)

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function server(lines: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Sshd> {
  const sshd = await startSshd(lines, env)
  closing.push(() => sshd.stop())
  return sshd
}

function over(connection: SshConnection): Executor {
  const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
  const executor = openSsh({ id: 'web-1', connection, links, scripts: {}, clock: systemClock })
  closing.push(() => executor.close())
  return executor
}

/** How this account answers, which is what a change to it would do as well: nothing. */
async function refusal(sshd: Sshd, connection = sshd.connection()) {
  const file = join(sshd.dir, 'touched')
  const executor = over(connection)
  for (const step of ['odd-0-do', undefined]) {
    const outcome = await executor.perform(command(['touch', file]), limits({ step })).catch((error) => error)
    expect([step, existsSync(file)]).toEqual([step, false])
    if (step === undefined) return outcome
  }
}

const shell = (program: string) => [`ForceCommand exec ${program} -c "$SSH_ORIGINAL_COMMAND"`]

describe('a login shell that runs no sh', () => {
  const shells = [
    ['csh', shell('csh'), "Unmatched '''"],
    ['an interpreter', shell('/usr/bin/perl -e "die qq(no such command)" --'), 'no such command'],
    ['nologin', shell('/usr/sbin/nologin'), 'not available'],
    ['false', shell('/bin/false'), 'did not run sh'],
    ['a menu', ['ForceCommand printf "1) status\\n2) quit\\n"; exit 0'], '1) status'],
  ] as const
  for (const [name, lines, said] of shells) {
    test(`is told by what it says: ${name}`, async () => {
      const error = await refusal(await server(lines))
      expect(error).toMatchObject({
        code: 'unexpected_reply',
        message: expect.stringContaining(said),
        hint: expect.stringContaining('shell'),
      })
    })
  }

  test('where there is no sh at all', async () => {
    const error = await refusal(await server(['ForceCommand PATH=/nowhere; eval "$SSH_ORIGINAL_COMMAND"']))
    expect(error).toMatchObject({ code: 'unexpected_reply', message: expect.stringContaining('not found') })
  })

  test('that only echoes what it is told is not mistaken for one that did it', async () => {
    const error = await refusal(await server(['ForceCommand printf "%s" "$SSH_ORIGINAL_COMMAND"']))
    expect(error.code).toBe('unexpected_reply')
  })
})

describe('a server that talks', () => {
  test('before the login, at it, and from the profile is not mistaken for the program', async () => {
    const sshd = await server([
      'ForceCommand yes noise | head -n 20000; yes >&2 | head -n 3; exec sh -c "$SSH_ORIGINAL_COMMAND"',
    ])
    const banner = join(sshd.dir, 'banner')
    writeFileSync(banner, `\x1b[31m${'Keep out!\n'.repeat(500)}`)
    const noisy = await server([
      `Banner ${banner}`,
      'ForceCommand yes noise | head -n 20000; exec sh -c "$SSH_ORIGINAL_COMMAND"',
    ])
    const outcome = await over(noisy.connection()).perform(command(['echo', 'hello']), limits())
    expect(outcome).toMatchObject({ ok: true, output: 'hello\n', errorOutput: '', truncated: false })
  })

  test('in bytes that are no UTF-8 is read as text with marks in it', async () => {
    const { connection } = await server()
    const outcome = await over(connection()).perform(command(['printf', 'a\\377\\376b\\n']), limits())
    expect(outcome).toMatchObject({ ok: true, output: 'a\ufffd\ufffdb\n' })
  })

  test('without an end is read up to the limit and ended, without keeping the rest', async () => {
    const { connection } = await server()
    const before = process.memoryUsage().rss
    const much = command(['head', '-c', '300000000', '/dev/zero'])
    const outcome = await over(connection()).perform(much, limits({ maxOutputBytes: 10_000, timeoutMs: 50_000 }))
    expect(outcome).toMatchObject({ ok: false, status: 143, truncated: true })
    expect(outcome.output).toHaveLength(10_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
  })
})

describe('a program', () => {
  test('that is not there is an outcome with status 127, read or kept', async () => {
    const { connection } = await server()
    const executor = over(connection())
    for (const step of [undefined, 'missing-0-do']) {
      const outcome = await executor.perform(command(['no-such-program']), limits({ step }))
      expect(outcome).toMatchObject({ ok: false, status: 127, errorOutput: expect.stringContaining('not found') })
    }
  })

  test('that a signal ended has the status that a shell gives it', async () => {
    const { connection } = await server()
    const outcome = await over(connection()).perform(command(['sh', '-c', 'kill -KILL $$']), limits())
    expect(outcome).toMatchObject({ ok: false, status: 137 })
  })

  test('that ignores TERM is ended all the same, with all that it started', async () => {
    const { connection, dir } = await server()
    const text = `trap '' TERM; sh -c "trap '' TERM; sleep 65.5; : $1" & while :; do sleep 0.3; done`
    const stubborn = command(['sh', '-c', text, 'sh', dir])
    const performing = over(connection()).perform(stubborn, limits({ timeoutMs: 500 }))
    await expect(performing).rejects.toMatchObject({ code: 'timeout' })
    expect(spawnSync('pgrep', ['-f', `^sh -c trap .*${dir}$`]).status).toBe(1)
  })
})

describe('a server that lets nobody in', () => {
  test('but with a password refuses a key, and says so', async () => {
    const sshd = await server(['PubkeyAuthentication no', 'PasswordAuthentication yes'])
    expect(await refusal(sshd)).toMatchObject({
      code: 'credentials_rejected',
      hint: expect.stringContaining('way of logging in'),
    })
    const wrong = sshd.connection({ keyPath: undefined, password: new Secret('not this one') })
    const error = await refusal(sshd, wrong)
    expect(error.code).toBe('credentials_rejected')
    expect(JSON.stringify([error.message, error.hint])).not.toContain('not this one')
  })

  test('because the key is none, or cannot be read', async () => {
    const sshd = await server()
    const keyPath = join(sshd.dir, 'no_key')
    expect(await refusal(sshd, sshd.connection({ keyPath }))).toMatchObject({ code: 'credentials_rejected' })
    writeFileSync(keyPath, 'not a key')
    expect(await refusal(sshd, sshd.connection({ keyPath }))).toMatchObject({
      code: 'credentials_rejected',
      message: expect.stringContaining(keyPath),
    })
  })

  test('because it speaks no cipher that we know, and says that', async () => {
    const sshd = await server(['Ciphers chacha20-poly1305@openssh.com'])
    const error = await refusal(sshd)
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('cipher') })
  })

  const halves: readonly (readonly [what: string, says: string])[] = [
    ['closes at once', ''],
    ['is a web server', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'],
    ['stops in the middle of the handshake', 'SSH-2.0-OpenSSH_9.2\r\n\0\0\0'],
  ]
  for (const [what, says] of halves) {
    test(`because it ${what}`, async () => {
      const sockets: Socket[] = []
      const peer = createServer((socket) => {
        sockets.push(socket)
        socket.on('error', () => undefined)
        socket.end(says)
      })
      const port = await freePort()
      await new Promise<void>((resolve) => peer.listen(port, '127.0.0.1', resolve))
      closing.push(async () => {
        peer.close()
        for (const socket of sockets) socket.destroy()
      })
      const sshd = await server()
      const error = await refusal(sshd, sshd.connection({ port, connectTimeoutMs: 2000 }))
      expect(error.code).toBe('unreachable')
      expect(error.hint).toBeString()
    })
  }
})
