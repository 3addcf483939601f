import { afterEach, describe, expect, test } from 'bun:test'
import { post } from '../../src/core/operation.ts'
import { parseJson } from '../../src/lib/json.ts'
import { faults } from '../support/pve/faults.ts'
import { recordings } from '../support/pve/recordings.ts'
import { changes, patient, start, taskAccepted, taskReplies, taskWorlds, upid } from '../support/pve/task-world.ts'
import { limits } from './conformance.ts'

const worlds = taskWorlds()
afterEach(() => worlds.close())
const { standIn, replaying } = worlds

describe('a task of Proxmox VE', () => {
  test('is waited for, and its end is the outcome', async () => {
    const { pve, executor } = await standIn()
    const refs: string[] = []
    const outcome = await executor.perform(start(102), limits({ ...patient, onRef: (ref) => refs.push(ref) }))
    expect(outcome).toMatchObject({ ok: true, status: 200, errorOutput: '' })
    expect(parseJson(outcome.output)).toMatchObject({
      data: refs[0],
      exitstatus: 'OK',
      log: expect.arrayContaining(['TASK OK']),
    })
    expect(changes(pve)).toEqual(['started 102'])
    expect(refs[0]).toMatch(/^UPID:pve1:.*:vzstart:102:root@pam!tailops:$/)
  })

  test('that was accepted with 200 and failed is a failure with its own words', async () => {
    const { executor } = await standIn()
    const outcome = await executor.perform(post('/nodes/pve2/qemu/201/status/start'), limits(patient))
    expect(outcome).toMatchObject({ ok: false, errorOutput: "you can't start a vm if it's a template" })
  })

  test('is waited for however little output is wanted', async () => {
    const { pve, executor } = await standIn()
    const outcome = await executor.perform(start(102), limits({ ...patient, maxOutputBytes: 10 }))
    expect(outcome).toMatchObject({ ok: true, truncated: true, output: '{"data":"U' })
    expect(changes(pve)).toEqual(['started 102'])
  })

  test('is asked about at its own node, its name encoded, more and more seldom', async () => {
    const { pve, executor, clock } = await standIn()
    pve.fault(faults.taskNeverEnds())
    const failure = await executor.perform(start(102), limits({ timeoutMs: 20_000 })).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('UPID:pve1:'),
    })
    const asked = pve.requests.filter((line) => line.endsWith('/status') && line.startsWith('GET'))
    expect(asked.length).toBeLessThan(24)
    expect(clock.pauses.slice(0, 8)).toEqual([300, 300, 300, 300, 300, 300, 360, 432])
    expect(Math.max(...clock.pauses)).toBe(2000)
  })

  test('that ended with warnings was done, and the warnings are told', async () => {
    const { executor } = await replaying(taskReplies('WARNINGS: 2', ['WARN: disk is old', 'TASK WARNINGS: 2']))
    expect(await executor.perform(start(101), limits(patient))).toMatchObject({
      ok: true,
      errorOutput: 'WARNINGS: 2\nWARN: disk is old',
    })
  })

  test('whose worker died has an unknown end', async () => {
    const { executor } = await replaying(taskReplies('unexpected status', []))
    await expect(executor.perform(start(101), limits(patient))).rejects.toMatchObject({ code: 'interrupted' })
    const sent = { at: new Date(), step: 's', ref: upid }
    expect(await executor.reconcile(start(101), sent)).toMatchObject({ state: 'unknown' })
  })

  test('tells its newest line while it runs', async () => {
    const { executor } = await replaying(taskReplies('OK', ['INFO: 40% done'], 12))
    const told: string[] = []
    await executor.perform(start(101), limits({ ...patient, onProgress: (line) => told.push(line) }))
    expect(told).toContain('INFO: 40% done')
    expect(told.length).toBeLessThan(12)
  })

  test('of which the connection is lost meanwhile is still waited for, by another node', async () => {
    const { pve, executor } = await standIn()
    pve.fault(faults.reset('before'), { method: 'GET', node: 'pve1', path: /tasks/ })
    expect(await executor.perform(start(102), limits(patient))).toMatchObject({ ok: true })
    expect(changes(pve)).toEqual(['started 102'])
  })

  test('of which no node tells for a while is still waited for', async () => {
    const { pve, executor } = await standIn()
    pve.fault(faults.reset('before'), { method: 'GET', path: /tasks/, times: 9 })
    expect(await executor.perform(start(102), limits(patient))).toMatchObject({ ok: true })
  })

  test('goes on when the caller goes, and is named', async () => {
    const { pve, executor } = await standIn()
    const over = new AbortController()
    const performing = executor.perform(start(102), limits({ signal: over.signal, onRef: () => over.abort() }))
    await expect(performing).rejects.toMatchObject({
      code: 'cancelled',
      message: expect.stringContaining('UPID:pve1:'),
    })
    expect(pve.requests.some((line) => line.startsWith('DELETE'))).toBe(false)
  })

  test('of a node that is gone is no success', async () => {
    const { executor } = await replaying([
      taskAccepted,
      { method: 'GET', path: `/nodes/pve1/tasks/${upid}/status`, status: 595, reason: 'Connection refused', body: '' },
    ])
    const failure = await executor.perform(start(101), limits({ timeoutMs: 5000 })).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'timeout' })
  })

  test('as it was recorded is read: running, done, failed', async () => {
    for (const [name, end] of [
      ['task-status-ok', { state: 'done', outcome: { ok: true } }],
      ['task-status-running', { state: 'running' }],
      [
        'task-status-failed-qmstart',
        { state: 'failed', outcome: { errorOutput: "you can't start a vm if it's a template" } },
      ],
    ] as const) {
      const recording = recordings.get(name)
      const log = recordings.get(name.replace('status', 'log'))
      if (recording === undefined || log === undefined) throw new Error(`no recording ${name}`)
      const { executor } = await replaying(
        [recording, log].map((one) => ({ ...one, path: decodeURIComponent(one.path) })),
      )
      const ref = decodeURIComponent(recording.path.split('/')[4] ?? '')
      expect(await executor.reconcile(start(101), { at: new Date(), step: 's', ref })).toMatchObject(end)
    }
  })
})
