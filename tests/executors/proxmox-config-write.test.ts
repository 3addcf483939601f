import { afterEach, describe, expect, test } from 'bun:test'
import type { Request } from '../../src/core/operation.ts'
import { configWrite, judgeWrite } from '../../src/executors/proxmox-config-write.ts'
import { faults } from '../support/pve/faults.ts'
import { changes, patient, taskWorlds } from '../support/pve/task-world.ts'
import { limits } from './conformance.ts'

const worlds = taskWorlds()
afterEach(() => worlds.close())

const path = '/nodes/pve1/lxc/102/config'
const put = (body: unknown): Request => ({ kind: 'request', method: 'PUT', path, body })

async function world() {
  const opened = await worlds.standIn()
  const { executor, clock } = opened
  const { output } = await executor.perform({ kind: 'request', method: 'GET', path }, limits(patient))
  const { digest } = JSON.parse(output).data
  return { ...opened, write: put({ cores: 3, delete: 'onboot', digest }), sent: { at: clock.now(), step: 's-0-do' } }
}

describe('a change of a configuration whose end was lost', () => {
  test('is done where the configuration is as wanted', async () => {
    const { pve, executor, write, sent } = await world()
    pve.fault(faults.reset('after'), { method: 'PUT' })
    await expect(executor.perform(write, limits(patient))).rejects.toMatchObject({ code: 'interrupted' })
    expect(await executor.reconcile(write, sent)).toMatchObject({ state: 'done', outcome: { ok: true } })
    expect(changes(pve)).toEqual(['configured 102'])
  })

  test('was not done where the configuration is as before, once nothing can begin any more', async () => {
    const { pve, executor, clock, write, sent } = await world()
    pve.fault(faults.reset('before'), { method: 'PUT' })
    await expect(executor.perform(write, limits(patient))).rejects.toMatchObject({ code: 'interrupted' })
    const found = await executor.reconcile(write, sent)
    expect(found).toMatchObject({ state: 'failed', outcome: { errorOutput: expect.stringContaining('was not done') } })
    expect(clock.now().getTime() - sent.at.getTime()).toBeGreaterThanOrEqual(35_000)
    expect(changes(pve)).toEqual([])
  })

  test('is unknown where somebody else changed it, or it named no digest', async () => {
    const { cluster, executor, write, sent } = await world()
    cluster.world.changeGuest(102, { cpus: 7 })
    cluster.world.changeGuest(102, { config: { swap: 64 } })
    expect(await executor.reconcile(write, sent)).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('changed otherwise'),
    })
    expect(await executor.reconcile(put({ cores: 3 }), sent)).toMatchObject({ state: 'unknown' })
  })
})

test('values are compared as the API stores them', () => {
  const write = configWrite(put({ onboot: true, description: 'notes', delete: 'tags,swap', digest: 'a' }))
  if (write === undefined) throw new Error('no write')
  expect(judgeWrite(write, { digest: 'a' })).toBe('unchanged')
  expect(judgeWrite(write, { digest: 'b', onboot: 1, description: 'notes\n' })).toBe('as wanted')
  expect(judgeWrite(write, { digest: 'b', onboot: 1, description: 'notes\n', swap: 0 })).toBe('changed')
  const grows = configWrite({ ...put({ disk: 'rootfs', size: '9G', digest: 'a' }), path: '/nodes/a/lxc/1/resize' })
  expect(grows).toMatchObject({ configPath: '/nodes/a/lxc/1/config', wanted: undefined })
})
