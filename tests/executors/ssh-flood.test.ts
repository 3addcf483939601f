import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { command } from '../../src/core/operation.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { eventually } from '../support/eventually.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'
import { limits } from './conformance.ts'

setDefaultTimeout(60_000)

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function server(lines: readonly string[] = []): Promise<Sshd> {
  const sshd = await startSshd(lines)
  closing.push(() => sshd.stop())
  return sshd
}

function over(sshd: Sshd) {
  const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
  const connection = sshd.connection()
  const executor = openSsh({ id: 'web-1', connection, links, scripts: {}, clock: systemClock })
  closing.push(() => executor.close())
  return executor
}

const isRunning = (word: string): boolean => spawnSync('pgrep', ['-f', `^yes ${word}`]).status === 0

test('a program that never stops talking is ended there, long before its time is over', async () => {
  const executor = over(await server())
  const word = `flood-${process.pid}`
  const cut = await executor.perform(command(['yes', word]), limits({ timeoutMs: 50_000, maxOutputBytes: 5 }))
  expect(cut).toMatchObject({ ok: false, status: 143, output: 'flood', truncated: true })
  expect(cut.errorOutput).toContain('more than 16 MiB')
  await eventually(() => !isRunning(word), 'it ended there')
  const next = await executor.perform(command(['echo', 'still there']), limits({}))
  expect(next.output).toBe('still there\n')
})

test('a program that says too much for us, but comes to an end, keeps its exit code', async () => {
  const executor = over(await server())
  const argv = ['head', '-c', '8000000', '/dev/zero'] as const
  const outcome = await executor.perform(command(argv), limits({ maxOutputBytes: 1000 }))
  expect(outcome).toMatchObject({ ok: true, status: 0, truncated: true })
})

test('a login shell that talks without end is given up, and a change through it is not known to have failed', async () => {
  const word = `shell-${process.pid}`
  const executor = over(await server([`ForceCommand exec yes ${word}`]))
  const read = executor.perform(command(['true']), limits({ timeoutMs: 50_000 }))
  await expect(read).rejects.toMatchObject({ code: 'unexpected_reply', message: expect.stringContaining('it said') })
  const write = executor.perform(command(['true']), limits({ timeoutMs: 50_000, step: 'flood-0-do' }))
  await expect(write).rejects.toMatchObject({ code: 'interrupted' })
  await eventually(() => !isRunning(word), 'it ended there')
})
