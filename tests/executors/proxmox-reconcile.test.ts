import { afterEach, describe, expect, test } from 'bun:test'
import type { Sent } from '../../src/core/executor.ts'
import { post } from '../../src/core/operation.ts'
import { type HastyClock, hastyClock } from '../support/hasty-clock.ts'
import { faults } from '../support/pve/faults.ts'
import type { Replayed } from '../support/pve/replay.ts'
import { checkRequest, documented, documentedPath } from '../support/pve/schema.ts'
import { changes, patient, start, taskReplies, taskWorlds, upid } from '../support/pve/task-world.ts'
import { limits } from './conformance.ts'

const worlds = taskWorlds()
afterEach(() => worlds.close())
const { standIn, replaying } = worlds

describe('a write whose end was lost', () => {
  const sentAt = (clock: HastyClock): Sent => ({ at: clock.now(), step: 's-0-do' })

  test('after it was done is found among the tasks', async () => {
    const { pve, executor, clock } = await standIn()
    const sent = sentAt(clock)
    pve.fault(faults.reset('after'), { method: 'POST' })
    await expect(executor.perform(start(102), limits(patient))).rejects.toMatchObject({ code: 'interrupted' })
    expect(await executor.reconcile(start(102), sent)).toEqual({ state: 'running' })
    clock.advance(5000)
    expect(await executor.reconcile(start(102), sent)).toMatchObject({ state: 'done', outcome: { ok: true } })
    expect(changes(pve)).toEqual(['started 102'])
  })

  test('and failed is found as failed', async () => {
    const { pve, executor, clock } = await standIn()
    const sent = sentAt(clock)
    pve.fault(faults.taskFails('startup for container 102 failed'))
    pve.fault(faults.reset('after'), { method: 'POST' })
    await expect(executor.perform(start(102), limits(patient))).rejects.toMatchObject({ code: 'interrupted' })
    clock.advance(5000)
    expect(await executor.reconcile(start(102), sent)).toMatchObject({
      state: 'failed',
      outcome: { errorOutput: expect.stringContaining('startup for container 102 failed') },
    })
  })

  test('before it was done is failed once nothing can begin any more and the guest agrees', async () => {
    const { pve, executor, clock } = await standIn()
    const sent = sentAt(clock)
    pve.fault(faults.reset('before'), { method: 'POST' })
    await expect(executor.perform(start(102), limits(patient))).rejects.toMatchObject({ code: 'interrupted' })
    const found = await executor.reconcile(start(102), sent)
    expect(found).toMatchObject({ state: 'failed', outcome: { errorOutput: expect.stringContaining('was not done') } })
    expect(clock.now().getTime() - sent.at.getTime()).toBeGreaterThanOrEqual(35_000)
    expect(changes(pve)).toEqual([])
  })

  test('is unknown when no task began and yet the guest is as wanted', async () => {
    const { executor, clock } = await standIn()
    expect(await executor.reconcile(start(101), sentAt(clock))).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('yet the guest is running'),
    })
  })

  test('of a reboot is failed when the guest ran all the time', async () => {
    const { executor, clock } = await standIn()
    const reboot = post('/nodes/pve1/lxc/101/status/reboot')
    expect(await executor.reconcile(reboot, sentAt(clock))).toMatchObject({ state: 'failed' })
  })

  test('is not mistaken for the task of somebody else, of another guest, or of an hour ago', async () => {
    const { pve, cluster, executor, clock } = await standIn()
    const other = (user: string, id: string) => ({
      node: 'pve1',
      type: 'vzstart',
      id,
      origin: { method: 'POST', path: '', user },
    })
    const now = clock.now().getTime()
    const run = { startedAt: now, endsAt: now + 10, exitstatus: 'OK', log: [] }
    cluster.world.tasks.record(other('root@pam', '102'), run)
    cluster.world.tasks.record(other('root@pam!tailops', '103'), run)
    cluster.world.tasks.record(other('root@pam!tailops', '102'), { ...run, startedAt: now - 3_600_000 })
    expect((await executor.reconcile(start(102), sentAt(clock))).state).toBe('failed')
    expect(changes(pve)).toEqual([])
  })

  test('is not mistaken for the task of a later write whose answer came', async () => {
    const { pve, executor, clock } = await standIn()
    const sent = sentAt(clock)
    const suspend = post('/nodes/pve1/lxc/101/status/suspend')
    pve.fault(faults.reset('before'), { method: 'POST', times: 1 })
    await expect(executor.perform(suspend, limits(patient))).rejects.toMatchObject({ code: 'interrupted' })
    expect(await executor.perform(suspend, limits(patient))).toMatchObject({ ok: true })
    expect((await executor.reconcile(suspend, sent)).state).toBe('unknown')
  })

  test('is not mistaken for the task of another one that was lost', async () => {
    const { pve, executor, clock } = await standIn()
    const first = { at: clock.now(), step: 'a-0-do' }
    const suspend = post('/nodes/pve1/lxc/101/status/suspend')
    pve.fault(faults.reset('after'), { method: 'POST', times: 1 })
    await expect(executor.perform(suspend, limits(patient))).rejects.toMatchObject({ code: 'interrupted' })
    const later = { at: clock.now(), step: 'b-0-do' }
    clock.advance(5000)
    expect(await executor.reconcile(suspend, first)).toMatchObject({ state: 'done' })
    expect(await executor.reconcile(suspend, first)).toMatchObject({ state: 'done' })
    expect(await executor.reconcile(suspend, later)).toMatchObject({ state: 'unknown' })
  })

  test('is unknown when two tasks may be it', async () => {
    const { cluster, executor, clock } = await standIn()
    const name = {
      node: 'pve1',
      type: 'vzstart',
      id: '102',
      origin: { method: 'POST', path: '', user: 'root@pam!tailops' },
    }
    const now = clock.now().getTime()
    for (const startedAt of [now, now + 1000])
      cluster.world.tasks.record(name, { startedAt, endsAt: startedAt, exitstatus: 'OK', log: [] })
    expect(await executor.reconcile(start(102), sentAt(clock))).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('2 tasks may be it'),
    })
  })

  test('that starts no task is unknown, and so is one that only a task could tell of', async () => {
    const { executor, clock } = await standIn()
    const config = { ...post('/nodes/pve1/lxc/101/config', { onboot: 1 }), method: 'PUT' as const }
    expect(await executor.reconcile(config, sentAt(clock))).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('keeps no account'),
    })
    expect(await executor.reconcile(post('/nodes/pve1/lxc/101/snapshot'), sentAt(clock))).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('no vzsnapshot task of ours'),
    })
  })

  test('is unknown while the cluster cannot be asked', async () => {
    const { pve, executor, clock } = await standIn()
    pve.fault(faults.reset('before'))
    expect(await executor.reconcile(start(102), sentAt(clock))).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('cannot be asked'),
    })
  })

  test('is looked for by the clock of the node', async () => {
    const replies = [listed('Sat, 21 Nov 2026 03:29:18 GMT'), ...taskReplies('OK', []).slice(1)]
    const { executor } = await replaying(replies, hastyClock(new Date('2026-11-21T04:29:18Z')))
    const at = new Date('2026-11-21T04:26:28Z')
    expect((await executor.reconcile(start(101), { at, step: 's' })).state).toBe('done')
    const later = new Date('2026-11-21T04:27:00Z')
    expect((await executor.reconcile(start(101), { at: later, step: 's' })).state).not.toBe('done')
  })

  test('on a node that is gone is told by what the node told the others', async () => {
    const row = {
      upid,
      node: 'pve1',
      type: 'vzstart',
      id: '101',
      user: 'root@pam',
      starttime: 1795231589,
      endtime: 1795231591,
      status: 'OK',
    }
    const gone = {
      method: 'GET',
      path: `/nodes/pve1/tasks/${upid}/status`,
      status: 595,
      reason: 'Connection refused',
      body: '',
    }
    const told = { method: 'GET', path: '/cluster/tasks', status: 200, reason: 'OK', body: { data: [row] } }
    const { executor } = await replaying([gone, told])
    const sent = { at: new Date(), step: 's', ref: upid }
    expect(await executor.reconcile(start(101), sent)).toMatchObject({ state: 'done' })
    const nothing = await replaying([gone, { ...told, body: { data: [] } }])
    expect(await nothing.executor.reconcile(start(101), sent)).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('node pve1 does not answer'),
    })
  })
})

describe('what the executor asks by itself', () => {
  test('is documented, with its parameters', async () => {
    const { replay, executor, clock } = await replaying(taskReplies('OK', ['line'], 10))
    await executor.perform(start(101), limits({ ...patient, onProgress: () => undefined }))
    await executor.reconcile(post('/nodes/pve1/lxc/102/status/stop'), { at: clock.now(), step: 's' })
    const empty = await replaying([{ ...listed('Sat, 21 Nov 2026 03:29:18 GMT'), headers: [], body: { data: [] } }])
    await empty.executor.reconcile(post('/nodes/pve1/lxc/102/status/stop'), { at: empty.clock.now(), step: 's' })
    const asked = new Set([...replay.requests, ...empty.replay.requests].filter((line) => line.startsWith('GET ')))
    const found = [...asked].map((line) => {
      const [path = '', query = ''] = line.slice(4).split('?')
      const template = documentedPath(path) ?? ''
      const parts = path.split('/').map(decodeURIComponent)
      const inPath = template
        .split('/')
        .flatMap((part, index) => (part.startsWith('{') ? [[part.slice(1, -1), parts[index] ?? '']] : []))
      const params = Object.fromEntries([...inPath, ...new URLSearchParams(query)])
      return [template, documented[template]?.['GET'] === undefined, checkRequest('GET', template, params)]
    })
    expect(found.filter(([, missing, wrong]) => missing !== false || wrong !== undefined)).toEqual([])
    expect(new Set(found.map(([template]) => template))).toEqual(
      new Set([
        '/nodes/{node}/tasks/{upid}/status',
        '/nodes/{node}/tasks/{upid}/log',
        '/nodes/{node}/tasks',
        '/cluster/tasks',
        '/nodes/{node}/lxc/{vmid}/status/current',
      ]),
    )
  })
})

/** The task list of pve1, whose clock says so. */
function listed(date: string): Replayed {
  const row = {
    upid,
    node: 'pve1',
    type: 'vzstart',
    id: '101',
    user: 'root@pam',
    tokenid: 'tailops',
    starttime: 1795231589,
  }
  const headers = ['Connection: close', `Date: ${date}`]
  return { method: 'GET', path: '/nodes/pve1/tasks', status: 200, reason: 'OK', body: { data: [row] }, headers }
}
