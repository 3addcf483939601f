import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type ChangeFault, changeFaults, endOf, truthOf } from '../support/change-faults.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'

setDefaultTimeout(60_000)

const gib = 1024 ** 3
const storages = [
  { name: 'ceph', type: 'rbd', content: ['images', 'rootdir'], shared: true, size: 900 * gib, used: {}, volumes: {} },
]
const guests = [
  { vmid: 101, node: 'pve1', name: 'web', status: 'running', config: { rootfs: 'ceph:vm-101-disk-0,size=8G' } },
  { vmid: 102, node: 'pve1', name: 'db', config: { rootfs: 'ceph:vm-102-disk-0,size=8G' } },
  {
    vmid: 200,
    node: 'pve1',
    kind: 'qemu',
    name: 'app',
    status: 'running',
    config: { scsi0: 'ceph:vm-200-disk-0,size=8G' },
  },
  { vmid: 201, node: 'pve1', kind: 'qemu', name: 'base', config: { scsi0: 'ceph:vm-201-disk-0,size=8G' } },
] as const

interface Way {
  readonly tool: string
  readonly input: Readonly<Record<string, unknown>>
  readonly method: 'POST' | 'PUT' | 'DELETE'
  /** Tasks that one change begins. */
  readonly tasks: number
}

const ways: readonly Way[] = [
  { tool: 'proxmox_configure_guest', input: { guest: 'web', cores: 3, remove: ['swap'] }, method: 'PUT', tasks: 0 },
  { tool: 'proxmox_configure_guest', input: { guest: 'app', onboot: true }, method: 'POST', tasks: 1 },
  { tool: 'proxmox_resize_disk', input: { guest: 'db', disk: 'rootfs', size: '+1G' }, method: 'PUT', tasks: 1 },
  { tool: 'proxmox_migrate_guest', input: { guest: 'web', node: 'pve2' }, method: 'POST', tasks: 1 },
  { tool: 'proxmox_migrate_guest', input: { guest: 'app', node: 'pve2' }, method: 'POST', tasks: 1 },
  { tool: 'proxmox_delete_guest', input: { guest: 'db' }, method: 'DELETE', tasks: 1 },
  { tool: 'proxmox_convert_template', input: { guest: 'db' }, method: 'POST', tasks: 1 },
  { tool: 'proxmox_convert_template', input: { guest: 'base' }, method: 'POST', tasks: 1 },
]

const open = (): Promise<ClustersWorld> =>
  openClustersWorld({ clusters: [{ name: 'home', guests, storages }], limitsEndAfterMs: 300 })

/** What is written at once has no task that could fail. */
const isOfTask = ({ where }: ChangeFault): boolean => where.method === undefined || where.method === 'GET'

/** Every fault and every way some time; all pairs with TAILOPS_TEST_LONG, and hours of waiting, which take minutes. */
const isLong = process.env['TAILOPS_TEST_LONG'] === '1'
const isWanted = ({ name }: ChangeFault, pair: number): boolean =>
  isLong || (pair % 3 === 0 && name !== 'has a task that never ends')

describe.each(ways.map((way, at) => [`${way.tool} of ${way.input['guest']}`, way, at] as const))('%s', (_, way, at) => {
  const rows = changeFaults(way.method)
    .filter((fault, index) => isWanted(fault, index + at) && (way.tasks > 0 || !isOfTask(fault)))
    .map((one) => [one.name, one] as const)
  test.each(rows)('that %s: what is told is what happened, once', async (_name, { fault, where, ends }) => {
    const world = await open()
    try {
      world.standIn.fault(fault, where)
      const end = await endOf(world, way.tool, way.input)
      const again = await endOf(world, way.tool, way.input)
      world.standIn.clearFaults()
      const truth = truthOf(world)
      expect(ends).toContain(end)
      expect(again).toBe(end)
      expect(truth.begun).toBeLessThanOrEqual(way.tasks)
      expect(truth.done).toBeLessThanOrEqual(1)
      if (end === 'done') expect(truth).toEqual({ begun: way.tasks, done: 1, failed: 0 })
      if (end === 'failed') expect(truth.done).toBe(0)
      expect(world.standIn.violations).toEqual([])
    } finally {
      await world.stop()
    }
  })

  test('without quorum, or on a node that is gone, nothing is done and it says so', async () => {
    const world = await open()
    try {
      const pve = world.standIn.cluster('home').world
      pve.setQuorumLost(true)
      expect(await endOf(world, way.tool, way.input)).toBe('refused: operation_failed')
      pve.setQuorumLost(false)
      pve.setNodeState('pve1', 'offline')
      await world.standIn.settled()
      expect(await endOf(world, way.tool, way.input)).toBe('refused: unreachable')
      expect(truthOf(world)).toEqual({ begun: 0, done: 0, failed: 0 })
    } finally {
      await world.stop()
    }
  })
})
