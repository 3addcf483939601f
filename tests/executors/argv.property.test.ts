import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { SshConnection } from '../../src/core/connection.ts'
import { GatewayError } from '../../src/core/errors.ts'
import type { Executor } from '../../src/core/executor.ts'
import { command, type Operation, script } from '../../src/core/operation.ts'
import { openLocal } from '../../src/executors/local.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'
import { limits } from './conformance.ts'

const isLong = process.env['TAILOPS_TEST_LONG'] === '1'
setDefaultTimeout(isLong ? 900_000 : 120_000)

const runs = { numRuns: isLong ? 1000 : 25, ...(!isLong && { seed: 20_261_121 }) }

/** Says what it was started with, by itself: each argument as hexadecimal digits on a line of its own. */
const oracle = '#!/usr/bin/perl\nprint unpack("H*", $_), "\\n" for @ARGV;\n'
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const scriptName = 'read/file-access'
const fullSudo = { policy: 'full', commands: [] } as const

const hex = (words: readonly string[]): string => words.map((word) => `${Buffer.from(word).toString('hex')}\n`).join('')

/** Text that a shell would make something of. */
const sharp = fc.constantFrom(
  ...[
    "'",
    '"',
    '`',
    '\\',
    '\\\\',
    "\\'",
    '$(id)',
    `\${HOME}`,
    '$1',
    '*',
    '~',
    '!',
    '!!',
    '\n',
    '\r\n',
    '\t',
    ' ',
    ';',
    '&',
  ],
  ...[
    '|',
    '>x',
    '<x',
    '#',
    '%s',
    '%n',
    '\x1b[0m',
    '\x1e',
    '\x7f',
    '\x80',
    '👩‍👩‍👧',
    'é',
    '\uf600',
    '\ufffe',
    '{a,b}',
    '(',
    ')',
    '=',
  ],
)
const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((word) => !word.includes('\0') && word.isWellFormed())
const word = fc.oneof(
  text,
  fc.array(fc.oneof(sharp, fc.string({ maxLength: 3 })), { maxLength: 12 }).map((parts) => parts.join('')),
  fc.constantFrom('', '-', '--', '-n', '-c', '--help', 'A=b', '-e\n'),
  fc.nat(20_000).map((length) => "x'\\".repeat(length / 3)),
)
const words = fc.array(
  word.filter((one) => !one.includes('\0')),
  { maxLength: 8 },
)

describe('any arguments arrive unchanged', () => {
  let dir = ''
  const servers: Sshd[] = []
  const executors: Executor[] = []
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tailops-argv-'))
    writeFileSync(join(dir, 'show'), oracle, { mode: 0o755 })
  })
  afterAll(async () => {
    for (const executor of executors) await executor.close()
    for (const server of servers) await server.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  const scripts = () => ({ [scriptName]: `exec '${join(dir, 'show')}' "$@"` })
  const kept = (executor: Executor): Executor => {
    executors.push(executor)
    return executor
  }
  const local = (uid: number): Executor =>
    kept(
      openLocal({
        stepsDir: join(dir, 'steps'),
        scripts: scripts(),
        env: { PATH: usualPath },
        uid,
        clock: systemClock,
        sudo: fullSudo,
      }),
    )
  const ssh = (connection: SshConnection, jump?: SshConnection): Executor => {
    const links = openSshLinks({ clock: systemClock, connectionOf: (id) => (id === 'bastion' ? jump : undefined) })
    return kept(openSsh({ id: 'web-1', connection, links, scripts: scripts(), clock: systemClock, sudo: fullSudo }))
  }
  const server = async (lines: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Sshd> => {
    const started = await startSshd(lines, { PATH: usualPath, ...env })
    servers.push(started)
    return started
  }
  /** A server whose accounts have this login shell, and where `sh` is that program. */
  const withShell = (login: string, sh?: string): Promise<Sshd> => {
    const bin = join(dir, `bin-${login.replaceAll(/\W/g, '-')}-${sh ?? 'own'}`)
    mkdirSync(bin)
    if (sh !== undefined)
      symlinkSync(execFileSync('sh', ['-c', 'command -v "$1"', 'sh', sh]).toString().trim(), join(bin, 'sh'))
    return server([`ForceCommand exec ${login} -c "$SSH_ORIGINAL_COMMAND"`], { PATH: `${bin}:${usualPath}` })
  }

  /** As a command and as a script's arguments, read and written. */
  async function hold(executor: Executor, more: { readonly asRoot?: boolean } = {}): Promise<void> {
    const given = async (operation: Operation, step?: string) => {
      const asked = executor.perform(operation, limits({ step, maxOutputBytes: 4 * 1024 * 1024 }))
      const outcome = await asked.catch((error: unknown) => GatewayError.from(error))
      if (!(outcome instanceof GatewayError)) return { ok: outcome.ok, said: outcome.output }
      return { ok: outcome.code === 'invalid_input', said: outcome.message.replace(/\d+ bytes; .*$/, '') }
    }
    await fc.assert(
      fc.asyncProperty(words, fc.boolean(), async (args, isWrite) => {
        const step = isWrite ? 'argv-0-do' : undefined
        // What no line of a shell can hold is refused before anything is sent; quoted, a byte may become five.
        const mayBeTooMuch = args.reduce((sum, one) => sum + Buffer.byteLength(one), 0) > 25_000
        const ends = [hex(args), ...(mayBeTooMuch ? ['quoted, the arguments have '] : [])]
        for (const operation of [command([join(dir, 'show'), ...args], more), script(scriptName, args, more)]) {
          const { ok, said } = await given(operation, step)
          expect(ok).toBe(true)
          expect(ends).toContain(said)
        }
      }),
      runs,
    )
  }

  test('on this machine', () => hold(local(0)))

  test('on this machine, through sudo', () => hold(local(1000), { asRoot: true }))

  test('over ssh, by the login shell of this account', async () => hold(ssh((await server([])).connection())))

  for (const [login, sh] of [['dash', 'dash'], ['bash', 'bash'], ['busybox sh', 'busybox'], ['fish']] as const) {
    test(`over ssh, with ${login} as login shell${sh === undefined ? '' : ' and as sh'}`, async () =>
      hold(ssh((await withShell(login, sh)).connection())))
  }

  test('over ssh and sudo', async () => {
    const bin = join(dir, 'bin-sudo')
    mkdirSync(bin)
    // The account is taken for another one than root: sudo is gone through, and is the real one.
    writeFileSync(join(bin, 'id'), '#!/bin/sh\necho 1000\n', { mode: 0o755 })
    const { connection } = await server([], { PATH: `${bin}:${usualPath}` })
    await hold(ssh(connection()), { asRoot: true })
  })

  test('over ssh and a jump host', async () => {
    const [bastion, behind] = [await server([]), await server([])]
    await hold(ssh(behind.connection({ jump: 'bastion' }), bastion.connection()))
  })
})
