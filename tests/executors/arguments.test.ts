import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Executor } from '../../src/core/executor.ts'
import { command, script } from '../../src/core/operation.ts'
import { openLocal } from '../../src/executors/local.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'
import { limits } from './conformance.ts'

/** Both ways to a machine. */
async function onBoth(work: (executor: Executor) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-arguments-'))
  const sshd: Sshd = await startSshd()
  const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
  const scripts = { 'read/file-access': 'printf %s "$1"' }
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
  const executors = [
    openLocal({ stepsDir: join(dir, 'steps'), scripts, env, uid: 0, clock: systemClock }),
    openSsh({ id: 'web-1', connection: sshd.connection(), links, scripts, clock: systemClock }),
  ]
  for (const executor of executors) {
    await work(executor)
    await executor.close()
  }
  await sshd.stop()
  rmSync(dir, { recursive: true, force: true })
}

describe('arguments that would not arrive as they are', () => {
  const cases: readonly (readonly [what: string, argv: readonly [string, ...string[]], says: string])[] = [
    ['a NUL character', ['echo', 'a\0b'], 'NUL'],
    ['half a character', ['echo', 'a\ud800b'], 'lone surrogate'],
    ['more than Linux takes as one', ['echo', 'x'.repeat(131_072)], '131071 bytes'],
    ['an option as the program', ['-c', 'id'], 'no name of a program'],
    ['more than Linux takes in all', ['echo', ...Array.from({ length: 100 }, () => 'x'.repeat(130_000))], 'arguments'],
  ]
  test('are refused, and nothing is started', () =>
    onBoth(async (executor) => {
      for (const [what, argv, says] of cases) {
        for (const step of [undefined, 'refused-0-do']) {
          const error = await executor.perform(command(argv), limits({ step })).catch((thrown) => thrown)
          expect([what, error.code]).toEqual([what, 'invalid_input'])
          expect(error.message).toContain(says)
        }
      }
      await expect(executor.perform(script('read/file-access', ['\ud800']), limits())).rejects.toMatchObject({
        code: 'invalid_input',
      })
    }))
})

test('a program is never a builtin of the shell that keeps its result', () =>
  onBoth(async (executor) => {
    for (const step of [undefined, 'builtin-0-do']) {
      // The builtin of dash makes a line end of it.
      const echo = await executor.perform(command(['echo', 'a\\nb']), limits({ step }))
      expect([step, echo.output]).toEqual([step, 'a\\nb\n'])
      const outcome = await executor.perform(command(['eval', 'echo hello']), limits({ step }))
      expect([step, outcome.status, outcome.output]).toEqual([step, 127, ''])
    }
  }))
