import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { type Fault, faults, type Where } from '../support/pve/faults.ts'

setDefaultTimeout(60_000)

const actions = ['start', 'stop', 'shutdown', 'reboot', 'suspend', 'resume'] as const
type Action = (typeof actions)[number]

/** The guest on which each action makes sense. */
const guestFor: Readonly<Record<Action, string>> = {
  start: '102',
  stop: '101',
  shutdown: '101',
  reboot: '101',
  suspend: '200',
  resume: '202',
}
const guests = [
  { vmid: 101, node: 'pve1', name: 'web', status: 'running' },
  { vmid: 102, node: 'pve1', name: 'db' },
  { vmid: 200, node: 'pve2', kind: 'qemu', name: 'app', status: 'running' },
  { vmid: 202, node: 'pve2', kind: 'qemu', name: 'asleep', status: 'running', paused: true },
] as const

const post: Where = { method: 'POST', times: 1 }
const status: Where = { method: 'GET', path: /\/tasks\/.*\/status$/ }

/** Faults of a change, and the ends that may be told of it. Written by hand; whether an end is true is judged by the log of effects. */
const table: readonly (readonly [name: string, fault: Fault, where: Where, ends: readonly string[]])[] = [
  ['is slow', faults.slow(1500), post, ['done']],
  ['hangs before anything happens', faults.hang('before'), post, ['failed', 'unknown']],
  ['hangs after it happened', faults.hang('after'), post, ['done', 'unknown']],
  ['is reset before anything happens', faults.reset('before'), post, ['failed', 'unknown']],
  ['is reset after it happened', faults.reset('after'), post, ['done', 'unknown']],
  ['is refused: 401', faults.unauthorized(), post, ['failed']],
  ['is refused: 403', faults.forbidden('/vms/101, VM.PowerMgmt'), post, ['failed']],
  ['finds no worker: 500', faults.serverError(), post, ['failed']],
  ['finds the node gone: 595', faults.refused(), post, ['failed']],
  ['finds the node silent: 596', faults.timedOut(), post, ['failed', 'unknown']],
  ['gets half a reply', faults.half(), post, ['done', 'unknown']],
  ['has a task that fails', faults.taskFails(), {}, ['failed']],
  ['has a task that never ends', faults.taskNeverEnds(), {}, ['unknown']],
  ['cannot ask about its task', faults.serverError(), status, ['done', 'unknown', 'failed']],
  ['loses its task while asking', faults.reset('before'), { ...status, times: 2 }, ['done', 'unknown']],
]

/** What really happened: tasks that were begun, and what they did. */
function truthOf({ standIn }: ClustersWorld) {
  const effects = standIn.effects().map(({ effect }) => effect)
  return {
    begun: effects.filter((effect) => effect === 'accepted').length,
    done: effects.filter((effect) => effect !== 'accepted' && !effect.startsWith('failed')).length,
    failed: effects.filter((effect) => effect.startsWith('failed')).length,
  }
}

async function endOf(world: ClustersWorld, action: Action): Promise<string> {
  const asked = world.ask(
    'proxmox_manage_guest',
    { guest: guestFor[action], action, timeout_s: 5 },
    { requestId: 'one' },
  )
  const result = await asked.catch((error: unknown) => GatewayError.from(error))
  if (result instanceof GatewayError) return `refused: ${result.code}`
  if (result.kind !== 'change' || result.status !== 'running') return result.kind === 'change' ? result.status : 'query'
  // The clock of this world ends the wait of a call as soon as the limits of its steps.
  await world.gateway.jobs.idle()
  return world.state.journal.find(result.call)?.end?.status ?? 'running'
}

describe.each(actions)('%s', (action) => {
  test.each(table.map((row) => [...row] as const))('that %s: what is told is what happened, once', async (...row) => {
    const [, fault, where, ends] = row
    const world = await openClustersWorld({ clusters: [{ name: 'home', guests }], limitsEndAfterMs: 300 })
    try {
      world.standIn.fault(fault, where)
      const end = await endOf(world, action)
      const again = await endOf(world, action)
      world.standIn.clearFaults()
      const truth = truthOf(world)
      expect(ends).toContain(end)
      expect(again).toBe(end)
      expect(truth.begun).toBeLessThanOrEqual(1)
      if (end === 'done') expect(truth).toMatchObject({ begun: 1, done: 1, failed: 0 })
      if (end === 'failed') expect(truth.done).toBe(0)
      expect(world.standIn.violations).toEqual([])
    } finally {
      await world.stop()
    }
  })

  test('without quorum, or on a node that is gone, nothing is done and it says so', async () => {
    const world = await openClustersWorld({ clusters: [{ name: 'home', guests }] })
    try {
      const pve = world.standIn.cluster('home').world
      pve.setNodeState(guestFor[action] < '200' ? 'pve1' : 'pve2', 'offline')
      await world.standIn.settled()
      expect(await endOf(world, action)).toMatch(/^refused: (unreachable|operation_failed|invalid_input)$/)
      expect(truthOf(world)).toEqual({ begun: 0, done: 0, failed: 0 })
    } finally {
      await world.stop()
    }
  })
})
