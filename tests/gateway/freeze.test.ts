import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../../src/core/errors.ts'
import { type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'
import { openRunningJob } from '../support/running-job.ts'
import { turn } from '../support/turn.ts'

setDefaultTimeout(20_000)

const at = new Date('2026-02-03T04:05:06Z')
const allowAll = { rules: [{ id: 'all', effect: 'allow' }] } as const
let world: GatewayWorld
beforeEach(() => {
  world = openGatewayWorld({ policy: allowAll })
})
afterEach(() => world.stop())

const file = () => join(world.dir, 'lines')
const failureOf = (work: Promise<unknown>): Promise<GatewayError> =>
  work.then(
    () => new GatewayError('internal', 'it was done'),
    (error: unknown) => GatewayError.from(error),
  )

describe('while the gateway is frozen', () => {
  test('a change is refused with who, when, why and the way out, and the log knows', async () => {
    world.state.brake.freeze({ at, by: 'cli:0', reason: 'odd things happen', stop: false })
    const { code, message, hint } = await failureOf(world.ask('append_steps', { file: file() }))
    expect([code, message]).toEqual([
      'frozen',
      'the gateway is frozen: since 2026-02-03T04:05:06Z by cli:0: odd things happen',
    ])
    expect(hint).toContain('tailops unfreeze')
    expect(existsSync(file())).toBe(false)
    expect(world.state.audit.tail({ limit: 1 })).toMatchObject([{ event: 'finished', result: 'frozen' }])
  })

  test('reads and dry runs go on', async () => {
    world.state.brake.freeze({ at, by: 'cli:0', stop: false })
    expect(await world.ask('look')).toMatchObject({ kind: 'query' })
    expect(await world.ask('append_steps', { file: file() }, { dryRun: true })).toMatchObject({ status: 'planned' })
  })

  test('an approval that was given before is not used, and can be used afterwards', async () => {
    const asking = openGatewayWorld({ dir: world.dir })
    const { approval = '' } = { ...(await asking.ask('append_steps', { file: file() })) } as { approval?: string }
    asking.state.approvals.decide(approval, 'approved', 'cli:0')
    world.state.brake.freeze({ at, by: 'cli:0', stop: false })
    expect((await failureOf(asking.ask('append_steps', { file: file() }, { approval }))).code).toBe('frozen')
    world.state.brake.release()
    expect(await asking.ask('append_steps', { file: file() }, { approval })).toMatchObject({ status: 'done' })
    await asking.stop()
  })

  test('a file made by hand is a freeze, and so is one that cannot be read', async () => {
    const path = join(world.dir, 'state', 'frozen')
    writeFileSync(path, '')
    expect((await failureOf(world.ask('append_steps', { file: file() }))).message).toContain('by unknown')
    world.state.brake.release()
    mkdirSync(path)
    expect((await failureOf(world.ask('append_steps', { file: file() }))).code).toBe('frozen')
  })

  test('it outlives the process, and holds for every process of the directory', async () => {
    world.state.brake.freeze({ at, by: 'cli:0', stop: false })
    const other = openGatewayWorld({ dir: world.dir, policy: allowAll })
    expect((await failureOf(other.ask('append_steps', { file: file() }))).code).toBe('frozen')
    other.state.brake.release()
    expect(await world.ask('append_steps', { file: file() })).toMatchObject({ status: 'done' })
    await other.stop()
  })
})

describe('a second freeze', () => {
  test('leaves who, when and why as they were, and may add stop', () => {
    const { brake } = world.state
    brake.freeze({ at, by: 'cli:0', reason: 'first', stop: false })
    brake.freeze({ at: new Date(), by: 'signal:SIGUSR2', stop: false })
    expect(brake.frozen()).toEqual({ at, by: 'cli:0', reason: 'first', stop: false })
    brake.freeze({ at: new Date(), by: 'cli:1', stop: true })
    expect(brake.frozen()).toEqual({ at, by: 'cli:0', reason: 'first', stop: true })
  })
})

describe('a change that runs when the gateway is frozen', () => {
  test('finishes', async () => {
    const running = await openRunningJob()
    running.state.brake.freeze({ at, by: 'cli:0', stop: false })
    running.go()
    await running.gateway.jobs.idle()
    expect(running.state.journal.find(running.job)?.end?.status).toBe('done')
    await running.stop()
  })

  test('ends before its next step with --stop, whichever process was told', async () => {
    const running = await openRunningJob()
    const other = openGatewayWorld({ dir: running.dir })
    other.state.brake.freeze({ at, by: 'cli:0', stop: true })
    running.go()
    await running.gateway.jobs.idle()
    expect(existsSync(join(running.dir, 'second'))).toBe(false)
    const end = running.state.journal.find(running.job)?.end
    expect(end?.status).toBe('cancelled')
    expect(JSON.stringify(end?.result)).toContain('stopped by the freeze of cli:0 before it began')
    await other.stop()
    await running.stop()
  })

  test('takes back what it did', async () => {
    const change = world.ask('append_steps', { file: file(), steps: 3, ms: 300 })
    while (!existsSync(file())) await turn()
    world.state.brake.freeze({ at, by: 'cli:0', stop: true })
    expect(await change).toMatchObject({ status: 'cancelled' })
    expect(readFileSync(file(), 'utf8')).toBe('do 0\nundo 0\n')
  })

  test('has not begun while it waits for its turn, and then does nothing', async () => {
    const first = world.ask('append_steps', { file: file(), steps: 1, ms: 300 })
    while (!existsSync(file())) await turn()
    const second = world.ask('append_steps', { file: file(), steps: 2 })
    while (world.gateway.jobs.running < 2) await turn()
    world.state.brake.freeze({ at, by: 'cli:0', stop: false })
    expect(await first).toMatchObject({ status: 'done' })
    expect(await second).toMatchObject({ status: 'failed', hint: expect.stringContaining('the gateway is frozen') })
    expect(readFileSync(file(), 'utf8')).toBe('do 0\n')
  })
})
