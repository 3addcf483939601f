import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { capabilities } from '../../src/core/capability.ts'
import { call } from '../../src/gateway/call.ts'
import { openRunningJob, type RunningJob } from '../support/running-job.ts'

let world: RunningJob | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

const running = async () => {
  world = await openRunningJob()
  return world
}

describe('cancel_job', () => {
  test('stops a change before its next step, without approval', async () => {
    const { ask, answer, job, go, dir } = await running()
    expect(await ask('cancel_job', { job })).toMatchObject({
      status: 'done',
      targets: [{ output: { cancelled: true } }],
    })
    go()
    expect(await answer('get_job', { job })).toMatchObject({
      status: 'cancelled',
      targets: [{ steps: [{ state: 'done' }, { state: 'cancelled' }] }],
    })
    expect(existsSync(join(dir, 'second'))).toBe(false)
  })

  test('needs no approval where every change needs one', async () => {
    const { gateway, job, go } = await running()
    const tool = gateway.tools.find(({ name }) => name === 'cancel_job')
    if (tool === undefined) throw new TypeError('no cancel_job')
    const strict = { ...gateway, policy: { rules: [{ id: 'strict', effect: 'approve' as const }] } }
    const result = await call(strict, {
      tool,
      input: { job },
      caller: { id: 'token:alice', scopes: capabilities },
      signal: new AbortController().signal,
    })
    go()
    expect(result).toMatchObject({ status: 'done' })
  })

  test('of another caller is not found, and stops nothing', async () => {
    const { ask, answer, job, go } = await running()
    const bob = { id: 'token:bob', scopes: capabilities }
    await expect(ask('cancel_job', { job }, { caller: bob })).rejects.toMatchObject({ code: 'not_found' })
    go()
    expect(await answer('get_job', { job })).toMatchObject({ status: 'done' })
  })

  test('says when the change has ended', async () => {
    const { ask, answer, job, go } = await running()
    go()
    await answer('get_job', { job })
    expect(await ask('cancel_job', { job })).toMatchObject({ targets: [{ output: { cancelled: false } }] })
  })
})
