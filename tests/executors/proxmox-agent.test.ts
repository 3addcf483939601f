import { afterEach, describe, expect, test } from 'bun:test'
import { post } from '../../src/core/operation.ts'
import type { Replayed } from '../support/pve/replay.ts'
import { taskWorlds } from '../support/pve/task-world.ts'
import { limits } from './conformance.ts'

const worlds = taskWorlds()
afterEach(() => worlds.close())

const path = '/nodes/pve1/qemu/200/agent/exec'
const run = post(path, { command: ['uname', '-a'] })
const begun: Replayed = { method: 'POST', path, status: 200, reason: 'OK', body: { data: { pid: 7 } } }
const asked = { method: 'GET', path: `${path}-status`, status: 200, reason: 'OK' }
const running: Replayed = { ...asked, body: { data: { exited: 0 } } }
const ended = (more: object): Replayed => ({ ...asked, body: { data: { exited: 1, ...more } } })
const failing = (status: number, reason: string): Replayed => ({ ...asked, status, reason, body: '' })

describe('a program that the agent of a virtual machine runs', () => {
  test('is asked about until its end, which is that of a command', async () => {
    const end = ended({ exitcode: 3, 'out-data': 'abc', 'err-data': 'no' })
    const { executor, replay } = await worlds.replaying([begun, running, running, end])
    const refs: string[] = []
    const outcome = await executor.perform(run, limits({ maxOutputBytes: 2, onRef: (ref) => refs.push(ref) }))
    expect(outcome).toMatchObject({ ok: false, status: 3, output: 'ab', errorOutput: 'no', truncated: true })
    expect(refs).toEqual(['7'])
    expect(replay.requests).toHaveLength(4)
  })

  test('and that a signal ended has the exit code of a shell', async () => {
    const { executor } = await worlds.replaying([begun, ended({ signal: 9 })])
    expect(await executor.perform(run, limits())).toMatchObject({ ok: false, status: 137 })
  })

  test('is asked about again where its node did not answer', async () => {
    const { executor } = await worlds.replaying([begun, failing(596, 'Connection timed out'), ended({ exitcode: 0 })])
    expect(await executor.perform(run, limits())).toMatchObject({ ok: true, status: 0 })
  })

  test('has an unknown end where the agent does not know it any more', async () => {
    const lost = failing(500, 'Agent error: PID 7 does not exist')
    const { executor } = await worlds.replaying([begun, lost])
    await expect(executor.perform(run, limits())).rejects.toMatchObject({
      code: 'interrupted',
      message: expect.stringContaining('process 7 was begun'),
    })
    const sent = { at: new Date(), step: 's', ref: '7' }
    expect(await executor.reconcile(run, sent)).toMatchObject({ state: 'unknown' })
    expect(await executor.reconcile(run, { at: new Date(), step: 's' })).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('not known whether it was started'),
    })
  })

  test('goes on when its time is over, and its end is found later', async () => {
    const { executor, clock } = await worlds.replaying([begun, running])
    const late = executor.perform(run, limits({ timeoutMs: 10_000 }))
    await expect(late).rejects.toMatchObject({ code: 'timeout', message: expect.stringContaining('process 7') })
    const sent = { at: clock.now(), step: 's', ref: '7' }
    expect(await executor.reconcile(run, sent)).toEqual({ state: 'running' })
    const later = await worlds.replaying([ended({ exitcode: 0, 'out-data': 'x' })])
    expect(await later.executor.reconcile(run, sent)).toMatchObject({ state: 'done', outcome: { output: 'x' } })
  })

  test('takes no more input than Proxmox VE does, and is then not begun', async () => {
    const { executor, replay } = await worlds.replaying([begun])
    const long = post(path, { command: ['cat'], 'input-data': 'x'.repeat(65_537) })
    await expect(executor.perform(long, limits())).rejects.toMatchObject({ code: 'invalid_input' })
    expect(replay.requests).toEqual([])
  })
})
