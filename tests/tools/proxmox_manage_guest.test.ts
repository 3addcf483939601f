import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { Call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { change } from '../support/pve/change.ts'
import { faults } from '../support/pve/faults.ts'

setDefaultTimeout(30_000)

const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const guests = [
  { vmid: 101, node: 'pve1', name: 'web01', status: 'running' },
  { vmid: 102, node: 'pve1', name: 'db01' },
  { vmid: 103, node: 'pve1', name: 'stuck', status: 'running', lock: 'backup' },
  { vmid: 104, node: 'pve2', name: 'twin' },
  { vmid: 105, node: 'pve1', name: 'twin' },
  { vmid: 200, node: 'pve2', kind: 'qemu', name: 'app', status: 'running' },
  { vmid: 201, node: 'pve2', kind: 'qemu', name: 'tmpl', template: true },
  { vmid: 202, node: 'pve2', kind: 'qemu', name: 'asleep', status: 'running', paused: true },
] as const

let world: ClustersWorld
beforeEach(async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', nodes, guests }] })
})
afterEach(async () => {
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

const manage = (guest: string, action: string, more: Record<string, unknown> = {}, call: Partial<Call> = {}) =>
  world.ask('proxmox_manage_guest', { guest, action, ...more }, call)

/** What was done, by the account of the stand-in. */
const done = (): readonly string[] =>
  world.standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

/** Status of the call and what is told, as one text. */
const told = (result: CallResult): string => JSON.stringify(result)

describe('each action is done once, and its real end is told', () => {
  const cases = [
    ['db01', 'start', 'started 102', 'running'],
    ['101', 'shutdown', 'shut down 101', 'stopped'],
    ['pve:home/101', 'stop', 'stopped 101', 'stopped'],
    ['web01', 'reboot', 'rebooted 101', 'running'],
    ['app', 'suspend', 'suspended 200', 'paused'],
    ['asleep', 'resume', 'resumed 202', 'running'],
  ] as const
  for (const [guest, action, effect, status] of cases)
    test(`${action} of ${guest}`, async () => {
      const result = await manage(guest, action)
      expect(told(result)).toContain('"status":"done"')
      expect(told(result)).toContain(`"status":"${status}"`)
      expect(done()).toEqual([effect])
    })
})

describe('nothing is done', () => {
  test('to a guest that is so already', async () => {
    expect(told(await manage('web01', 'start'))).toContain('"status":"running"')
    expect(told(await manage('db01', 'shutdown'))).toContain('"status":"stopped"')
    expect(done()).toEqual([])
  })

  test('to a template', async () => {
    expect(await refusal(manage('tmpl', 'start'))).toBe(
      'invalid_input: cannot start tmpl (201): it is a template; clone it, and use the clone',
    )
    expect(done()).toEqual([])
  })

  test('to a locked guest', async () => {
    expect(await refusal(manage('stuck', 'stop'))).toBe(
      'busy: cannot stop stuck (103): it is locked (backup); wait for the task that holds it; one left over is taken off by root on pve1: pct unlock 103',
    )
  })

  test('to a guest of an offline node', async () => {
    change.nodeOff(world.standIn.cluster('home').world, 'pve2')
    await world.standIn.settled()
    expect(await refusal(manage('app', 'stop'))).toMatch(/^unreachable: .*pve2/)
    expect(done()).toEqual([])
  })

  test('by a start without quorum', async () => {
    change.nodeOff(world.standIn.cluster('home').world, 'pve2')
    change.nodeOff(world.standIn.cluster('home').world, 'pve3')
    await world.standIn.settled()
    expect(await refusal(manage('db01', 'start'))).toContain('no quorum, 1 of 3 nodes are online')
    expect(done()).toEqual([])
  })

  test('to a container that shall be suspended, a VM that runs and shall be resumed, a stopped one that shall reboot', async () => {
    expect(await refusal(manage('web01', 'suspend'))).toContain('use shutdown and start instead')
    expect(await refusal(manage('app', 'resume'))).toContain('it is running')
    expect(await refusal(manage('db01', 'reboot'))).toContain('it is stopped; start it')
    expect(await refusal(manage('asleep', 'shutdown'))).toContain('resume it first')
    expect(await refusal(manage('db01', 'start', { force: true }))).toContain('force goes with shutdown only')
    expect(done()).toEqual([])
  })

  test('when the name is mistyped, or two guests have it', async () => {
    expect(await refusal(manage('wbe01', 'stop'))).toBe(
      'not_found: no guest "wbe01" on home; did you mean web01 (101 on pve1)?',
    )
    expect(await refusal(manage('twin', 'start'))).toContain('104 (lxc on pve2), 105 (lxc on pve1)')
    expect(done()).toEqual([])
  })
})

describe('faults', () => {
  test('a task that fails is a failure with the text of the task', async () => {
    world.standIn.fault(faults.taskFails('command failed: guest ignores it'), { method: 'POST' })
    const said = told(await manage('web01', 'shutdown', { timeout_s: 5 }))
    expect(said).toContain('"status":"failed"')
    expect(said).toContain('guest ignores it')
    expect(done().filter((effect) => effect.startsWith('shut down'))).toEqual([])
  })

  test('an accepted write whose answer is lost is told as what is known of its task', async () => {
    world.standIn.fault(faults.reset('after'), { method: 'POST', times: 1 })
    expect(told(await manage('db01', 'start'))).toMatch(/"status":"done"|it still runs on the target/)
    await world.clock.sleep(2000)
    expect(done()).toEqual(['started 102'])
  })

  test('a write that was lost on its way is never told as done', async () => {
    world.standIn.fault(faults.reset('before'), { method: 'POST', times: 1 })
    const said = told(await manage('db01', 'start'))
    expect(said).toMatch(/"status":"(failed|unknown)"/)
    expect(done()).toEqual([])
  })

  test('a request id that is repeated has one effect', async () => {
    await manage('db01', 'start', {}, { requestId: 'once-1' })
    await manage('db01', 'start', {}, { requestId: 'once-1' })
    expect(done()).toEqual(['started 102'])
  })

  test('a status from the list, which is old, decides nothing', async () => {
    await manage('web01', 'stop')
    expect(told(await manage('web01', 'start'))).toContain('"status":"done"')
    expect(done()).toEqual(['stopped 101', 'started 101'])
  })
})

test('a dry run shows a forced shutdown and does nothing', async () => {
  const dry = await manage('web01', 'shutdown', { force: true, timeout_s: 20 }, { dryRun: true })
  expect(told(dry)).toContain('powered off after 20 s')
  expect(done()).toEqual([])
})
