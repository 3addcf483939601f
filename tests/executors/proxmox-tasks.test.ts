import { afterEach, describe, expect, test } from 'bun:test'
import type { Sent } from '../../src/core/executor.ts'
import { post } from '../../src/core/operation.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { parseJson } from '../../src/lib/json.ts'
import { type HastyClock, hastyClock } from '../support/hasty-clock.ts'
import { faults } from '../support/pve/faults.ts'
import { proxmoxAt } from '../support/pve/proxmox-target.ts'
import { recordings } from '../support/pve/recordings.ts'
import { openReplay, type Replayed } from '../support/pve/replay.ts'
import { openStandIn, type StandIn, type StandInCluster } from '../support/pve/stand-in.ts'
import { limits } from './conformance.ts'

const open: { stop(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop()
})

async function standIn(clock: HastyClock = hastyClock()) {
  const pve = await openStandIn({
    clock,
    clusters: [
      {
        name: 'a',
        guests: [
          { vmid: 101, node: 'pve1', status: 'running', startedAt: clock.now().getTime() - 3_600_000 },
          { vmid: 102, node: 'pve1', status: 'stopped' },
          { vmid: 200, node: 'pve2', kind: 'qemu', status: 'stopped' },
          { vmid: 201, node: 'pve2', kind: 'qemu', status: 'stopped', template: true },
        ],
      },
    ],
  })
  const cluster = pve.cluster('a')
  const executor = executorAt(cluster.urls, clock)
  open.push(pve)
  return { pve, cluster, executor, clock }
}

function executorAt(urls: StandInCluster['urls'], clock: HastyClock) {
  const executor = openProxmox('a', proxmoxAt(urls), clock)
  open.push({ stop: () => executor.close() })
  return executor
}

/** What was done to guests, by the account of the stand-in. */
const changes = (pve: StandIn) =>
  pve.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

const start = (vmid: number) => post(`/nodes/pve1/lxc/${vmid}/status/start`)
const patient = { timeoutMs: 60_000 }

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
    await expect(executor.perform(start(102), limits({ timeoutMs: 10_000 }))).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('UPID:pve1:'),
    })
    const asked = pve.requests.filter((line) => line.endsWith('/status') && line.startsWith('GET'))
    expect(asked.length).toBeLessThan(12)
    expect(clock.pauses.slice(0, 3)).toEqual([300, 450, 675])
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
    await expect(executor.perform(start(101), limits({ timeoutMs: 5000 }))).rejects.toMatchObject({ code: 'timeout' })
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

/** 2026-11-21T03:26:29Z */
const upid = 'UPID:pve1:000000DD:00079C44:6B010F65:vzstart:101:root@pam!tailops:'

const taskAccepted: Replayed = {
  method: 'POST',
  path: '/nodes/pve1/lxc/101/status/start',
  status: 200,
  reason: 'OK',
  body: { data: upid },
}

function taskReplies(exitstatus: string, lines: readonly string[], running = 0): readonly Replayed[] {
  const status = { method: 'GET', path: `/nodes/pve1/tasks/${upid}/status`, status: 200, reason: 'OK' }
  const log = lines.map((t, index) => ({ n: index + 1, t }))
  return [
    taskAccepted,
    ...Array.from({ length: running }, () => ({ ...status, body: { data: { status: 'running' } } })),
    { ...status, body: { data: { status: 'stopped', exitstatus } } },
    { ...status, path: `/nodes/pve1/tasks/${upid}/log`, body: { data: log, total: log.length } },
  ]
}

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

async function replaying(replies: readonly Replayed[], clock = hastyClock()) {
  const replay = await openReplay(replies)
  open.push(replay)
  return { replay, clock, executor: executorAt([replay.url], clock) }
}
