import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answerWithinMs } from '../../src/gateway/change.ts'
import { openJobs } from '../../src/gateway/jobs.ts'
import { answerOfJob, waitForEnd } from '../../src/gateway/wait-for-end.ts'
import { type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'
import { movedClock } from '../support/moved-clock.ts'
import { waiting } from '../support/running-job.ts'
import { turn } from '../support/turn.ts'

let world: GatewayWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

function open() {
  const clock = movedClock()
  const opened = openGatewayWorld({ tools: [waiting], policy: { rules: [{ id: 'all', effect: 'allow' }] }, clock })
  world = opened
  const begun = async () => {
    while (!existsSync(join(opened.dir, 'begun'))) await turn()
  }
  const go = () => writeFileSync(join(opened.dir, 'go'), '')
  return { ...opened, clock, begun, go }
}

describe('a change that takes long', () => {
  test('answers running with a job after 50 s, goes on, and its end can be asked for', async () => {
    const { ask, clock, begun, go, gateway, dir } = open()
    const answer = ask('wait_for_file', { dir })
    await begun()
    clock.advance(answerWithinMs)
    const running = await answer
    expect(running).toMatchObject({ kind: 'change', status: 'running', hint: expect.stringContaining('get_job') })
    const job = running.kind === 'change' ? (running.job ?? '') : ''
    const end = waitForEnd(gateway, job, { withinMs: 10_000, signal: new AbortController().signal })
    go()
    expect((await end)?.end).toMatchObject({ status: 'done' })
    expect(existsSync(join(dir, 'second'))).toBe(true)
  })

  test('is not stopped by the end of the request that began it, once that was answered', async () => {
    const { ask, clock, begun, go, gateway, dir, state } = open()
    const request = new AbortController()
    const answer = ask('wait_for_file', { dir }, { signal: request.signal })
    await begun()
    clock.advance(answerWithinMs)
    const running = await answer
    request.abort()
    go()
    await gateway.jobs.idle()
    expect(state.journal.find(running.call)?.end?.status).toBe('done')
  })

  test('tells who asked, and who asks later, which step it is at', async () => {
    const { ask, clock, begun, go, gateway, dir } = open()
    const told: string[] = []
    const answer = ask('wait_for_file', { dir }, { progress: (message) => told.push(message) })
    await begun()
    clock.advance(answerWithinMs)
    const { call } = await answer
    const now = { withinMs: 0, signal: new AbortController().signal }
    expect(await answerOfJob(gateway, call, now)).toMatchObject({
      status: 'running',
      progress: expect.stringMatching(/^local: sh -c /),
    })
    go()
    await gateway.jobs.idle()
    expect(told.at(-1)).toBe(`local: touch ${dir}/second`)
    expect(await answerOfJob(gateway, call, now)).not.toHaveProperty('progress')
  })

  test('stops before its next step when its job is cancelled', async () => {
    const { ask, begun, go, gateway, dir, state } = open()
    const answer = ask('wait_for_file', { dir })
    await begun()
    const [job] = state.audit.tail({ limit: 100 }).filter(({ event }) => event === 'started')
    expect(gateway.jobs.cancel(job?.call ?? '')).toBe(true)
    go()
    expect(await answer).toMatchObject({
      status: 'cancelled',
      targets: [{ steps: [{ state: 'done' }, { state: 'cancelled' }] }],
    })
    expect(existsSync(join(dir, 'second'))).toBe(false)
  })
})

test('cancelling a job that does not run says so', () => {
  expect(openJobs(movedClock()).cancel('nothing')).toBe(false)
})
