import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { capabilities } from '../../src/core/capability.ts'
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

describe('get_job', () => {
  test('tells how a change that runs stands, without waiting when none is asked', async () => {
    const { answer, job, go } = await running()
    const now = await answer('get_job', { job, wait_s: 0 })
    go()
    expect(now).toMatchObject({ status: 'running', targets: [{ target: 'local', status: 'running' }] })
  })

  test('waits for the end, and gives each step', async () => {
    const { answer, job, go, dir } = await running()
    const end = answer('get_job', { job })
    go()
    expect(await end).toMatchObject({
      status: 'done',
      targets: [{ target: 'local', steps: [{ state: 'done' }, { state: 'done' }] }],
    })
    expect(existsSync(join(dir, 'second'))).toBe(true)
  })

  test('knows a job for its own caller only', async () => {
    const { ask, job, go } = await running()
    const bob = { id: 'token:bob', scopes: capabilities }
    const asked = ask('get_job', { job, wait_s: 0 }, { caller: bob })
    go()
    await expect(asked).rejects.toMatchObject({ code: 'not_found' })
  })
})
