import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../../src/core/errors.ts'
import type { Executor } from '../../src/core/executor.ts'
import { command, get } from '../../src/core/operation.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Dropbear, startDropbear } from '../support/dropbear.ts'
import { executorConformance, limits } from './conformance.ts'

function over({ connection }: Dropbear): Executor {
  const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined })
  return openSsh({ id: 'router', connection: connection(), links, scripts: {}, clock: systemClock })
}

executorConformance('ssh (Dropbear)', async () => {
  const dropbear = await startDropbear()
  const log = join(dropbear.home, 'log-of-writes')
  appendFileSync(log, '')
  // Both the shell and what it started must end.
  const endless = command(['sh', '-c', `sleep 63.5 & : "$1"; wait`, 'sh', dropbear.home])
  return {
    executor: over(dropbear),
    read: { operation: command(['uname', '-s']), output: 'Linux' },
    refused: { operation: command(['sh', '-c', 'echo no >&2; exit 7']), status: 7 },
    endless,
    isWorking: () => spawnSync('pgrep', ['-f', `^sh -c .*${dropbear.home}$|^sleep 63.5$`]).status === 0,
    foreign: get('/targets'),
    writes: {
      done: command(['sh', '-c', 'echo done >>"$1"', 'sh', log]),
      failed: { operation: command(['sh', '-c', 'exit 9']), status: 9 },
      count: () => readFileSync(log, 'utf8').split('done').length - 1,
    },
    close: () => dropbear.stop(),
  }
})

describe('a machine with Dropbear', () => {
  let dropbear: Dropbear
  const opened: Executor[] = []
  beforeAll(async () => {
    dropbear = await startDropbear()
  })
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close()
  })
  afterAll(() => dropbear.stop())
  const machine = (): Executor => {
    const executor = over(dropbear)
    opened.push(executor)
    return executor
  }

  test('gives the exit code of a program that a signal ended', async () => {
    const killed = await machine().perform(command(['sh', '-c', 'kill -KILL $$']), limits())
    expect(killed).toMatchObject({ ok: false, status: 137 })
  })

  test('is asked for more things at once than it takes sessions', async () => {
    const executor = machine()
    const ends = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        executor.perform(command(['echo', `${index}`]), limits()).then(
          ({ output }) => output === `${index}\n`,
          (error: unknown) => GatewayError.from(error).code,
        ),
      ),
    )
    // Now and then it drops the whole connection: what that cost is told as lost, and never answered wrongly.
    for (const end of ends) expect([true, 'interrupted', 'unreachable']).toContain(end)
    expect(ends.filter((end) => end === true).length).toBeGreaterThan(12)
  })

  test('that closes sessions without a word is never said to have done nothing', async () => {
    const executor = machine()
    const file = (index: number) => join(dropbear.home, `at-once-${index}`)
    const asked = Array.from({ length: 24 }, async (_, index) => {
      const write = command(['sh', '-c', 'echo done >>"$1"', 'sh', file(index)])
      const sent = { at: new Date(), step: `at-once-${index}-do` }
      const ended = await executor.perform(write, limits({ step: sent.step })).then(
        () => 'done',
        (error) => error.code,
      )
      return ended === 'interrupted' ? (await executor.reconcile(write, sent)).state : ended
    })
    for (const [index, state] of (await Promise.all(asked)).entries()) {
      expect(['done', 'running', 'unknown', 'unreachable']).toContain(state)
      // Certainly not sent: then it has not happened.
      if (state === 'unreachable') expect(existsSync(file(index))).toBe(false)
      if (state === 'done') expect(readFileSync(file(index), 'utf8')).toBe('done\n')
    }
  })

  test('gives output up to its limit, of a program that goes on writing, and takes half a megabyte of input', async () => {
    const executor = machine()
    const much = await executor.perform(
      command(['head', '-c', '10000000', '/dev/zero']),
      limits({ maxOutputBytes: 1000 }),
    )
    expect(much).toMatchObject({ ok: true, truncated: true })
    expect(much.output).toHaveLength(1000)
    const stdin = 'x'.repeat(500_000)
    expect((await executor.perform(command(['wc', '-c'], { stdin }), limits({ step: 'much-0-do' }))).output).toBe(
      '500000\n',
    )
  })

  test('ends a program that ignores TERM when its time is over', async () => {
    const stubborn = command([
      'sh',
      '-c',
      `trap '' TERM; echo begun; while :; do sleep 0.517; done; : "$1"`,
      'sh',
      dropbear.home,
    ])
    await expect(machine().perform(stubborn, limits({ timeoutMs: 300 }))).rejects.toMatchObject({ code: 'timeout' })
    expect(spawnSync('pgrep', ['-f', `^sh -c trap .*${dropbear.home}$`]).status).toBe(1)
  })

  test('goes on with others when one is ended', async () => {
    const executor = machine()
    const other = executor.perform(command(['sleep', '2']), limits({ step: 'other-0-do' }))
    await expect(executor.perform(command(['sleep', '64.5']), limits({ timeoutMs: 200 }))).rejects.toMatchObject({
      code: 'timeout',
    })
    expect(await other).toMatchObject({ ok: true })
  })

  test('keeps nothing of a write whose end was seen', async () => {
    await machine().perform(command(['true']), limits({ step: 'seen-0-do' }))
    const left = readdirSync(join(dropbear.home, '.tailops/steps')).filter((name) => name.startsWith('seen'))
    expect(left).toEqual([])
  })
})
