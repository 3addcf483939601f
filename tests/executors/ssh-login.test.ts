import { describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from '../../src/core/operation.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { movedClock } from '../support/moved-clock.ts'
import { startSshd } from '../support/sshd.ts'
import { limits } from './conformance.ts'

describe('an operation that needs root', () => {
  test('goes through sudo where the policy allows it and the login user is another', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tailops-sudo-'))
    const programs = { id: 'echo 1000', sudo: 'echo "sudo $*"' }
    for (const [name, text] of Object.entries(programs))
      writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    const sshd = await startSshd([], { PATH: `${dir}:/usr/bin:/bin` })
    const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
    const said = async (policy: 'none' | 'limited' | 'full', commands: readonly string[] = []): Promise<string> => {
      const sudo = { policy, commands }
      const executor = openSsh({
        id: 'web-1',
        connection: sshd.connection(),
        links,
        scripts: {},
        clock: systemClock,
        sudo,
      })
      const { output } = await executor.perform(command(['echo', 'hello'], { asRoot: true }), limits())
      await executor.close()
      return output
    }
    const through = 'sudo -n -- echo hello\n'
    expect(await said('none')).toBe('hello\n')
    expect(await said('full')).toBe(through)
    expect([await said('limited', ['echo']), await said('limited', ['reboot'])]).toEqual([through, 'hello\n'])
    await sshd.stop()
    rmSync(dir, { recursive: true })
  })
})

describe('a login shell that talks', () => {
  test('is not mistaken for the program', async () => {
    const sshd = await startSshd([`ForceCommand echo Welcome; echo noise >&2; sh -c "$SSH_ORIGINAL_COMMAND"`])
    const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
    const executor = openSsh({ id: 'web-1', connection: sshd.connection(), links, scripts: {}, clock: systemClock })
    expect(await executor.perform(command(['echo', 'hello']), limits())).toMatchObject({
      output: 'hello\n',
      errorOutput: '',
    })
    await executor.close()
    await sshd.stop()
  })

  test('and runs nothing is told from a program that says nothing', async () => {
    const sshd = await startSshd(['ForceCommand echo This account is not available.; exit 1'])
    const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
    const executor = openSsh({ id: 'web-1', connection: sshd.connection(), links, scripts: {}, clock: systemClock })
    const error = await executor.perform(command(['echo', 'hello']), limits()).catch((thrown) => thrown)
    expect(error).toMatchObject({
      code: 'unexpected_reply',
      message: expect.stringContaining('This account is not available.'),
    })
    await executor.close()
    await sshd.stop()
  })
})

describe('a key that is refused', () => {
  test('is read again when it has been replaced', async () => {
    const sshd = await startSshd()
    const keyPath = join(sshd.dir, 'replaced_key')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keyPath])
    const clock = movedClock()
    const links = openSshLinks({ clock, connectionOf: () => undefined })
    const executor = openSsh({ id: 'web-1', connection: sshd.connection({ keyPath }), links, scripts: {}, clock })
    const hello = () => executor.perform(command(['echo', 'hello']), limits()).catch((thrown) => thrown)
    expect(await hello()).toMatchObject({ code: 'credentials_rejected' })
    copyFileSync(sshd.keyPath, keyPath)
    clock.advance(60_000)
    expect(await hello()).toMatchObject({ output: 'hello\n' })
    await executor.close()
    await sshd.stop()
  })
})
