import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { changeFaults, endOf, truthOf } from '../support/change-faults.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'

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

const ask = (world: ClustersWorld, action: Action): Promise<string> =>
  endOf(world, 'proxmox_manage_guest', { guest: guestFor[action], action, timeout_s: 5 })

describe.each(actions)('%s', (action) => {
  const rows = changeFaults('POST').map((one) => [one.name, one] as const)
  test.each(rows)('that %s: what is told is what happened, once', async (_, { fault, where, ends }) => {
    const world = await openClustersWorld({ clusters: [{ name: 'home', guests }], limitsEndAfterMs: 300 })
    try {
      world.standIn.fault(fault, where)
      const end = await ask(world, action)
      const again = await ask(world, action)
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
      expect(await ask(world, action)).toMatch(/^refused: (unreachable|operation_failed|invalid_input)$/)
      expect(truthOf(world)).toEqual({ begun: 0, done: 0, failed: 0 })
    } finally {
      await world.stop()
    }
  })
})
