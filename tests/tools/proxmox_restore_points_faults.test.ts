import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { changeFaults, endOf, truthOf } from '../support/change-faults.ts'
import { openClustersWorld } from '../support/clusters-world.ts'

setDefaultTimeout(60_000)

const gib = 1024 ** 3
const archive = 'nas:backup/vzdump-lxc-101-2026_11_20-02_30_00.tar.zst'
const backup = {
  volid: archive,
  content: 'backup',
  format: 'tar.zst',
  size: gib,
  ctime: 1_795_000_000,
  vmid: 101,
} as const
const storage = { size: 100 * gib, used: {}, volumes: {} }
const storages = [
  { ...storage, name: 'nas', type: 'nfs', content: ['backup'], shared: true, volumes: { '*': [backup] } },
  { ...storage, name: 'thin', type: 'lvmthin', content: ['images', 'rootdir'], shared: false },
]
const snapshots = [{ name: 'before', snaptime: 1_760_000_000, description: '' }]
const guests = [
  { vmid: 101, node: 'pve1', name: 'web', status: 'running', snapshots },
  { vmid: 102, node: 'pve1', name: 'db' },
] as const

const snapshot = (action: string, name: string) => ({ guest: 'web', action, name })

/** Each way to make a point to go back to, and to go back to it. */
const changes = [
  { what: 'a snapshot', tool: 'proxmox_snapshot', input: snapshot('create', 'fresh'), method: 'POST' },
  { what: 'the end of a snapshot', tool: 'proxmox_snapshot', input: snapshot('delete', 'before'), method: 'DELETE' },
  { what: 'a rollback', tool: 'proxmox_snapshot', input: snapshot('rollback', 'before'), method: 'POST' },
  { what: 'a backup', tool: 'proxmox_backup', input: { guest: 'web', keep_last: 1 }, method: 'POST' },
  { what: 'a restore', tool: 'proxmox_restore', input: { archive }, method: 'POST' },
  {
    what: 'a restore over a guest',
    tool: 'proxmox_restore',
    input: { archive, vmid: 102, overwrite: true },
    method: 'POST',
  },
] as const

const cases = changes.flatMap((change) => changeFaults(change.method).map((fault) => ({ ...change, ...fault })))
/** Hours of looking at a task that does not end. */
const isSlow = ({ tool, name }: (typeof cases)[number]) => tool !== 'proxmox_snapshot' && name.endsWith('never ends')
/** Every fault and every change some time; all pairs with TAILOPS_TEST_LONG. */
const isLong = process.env['TAILOPS_TEST_LONG'] === '1'
const wanted = isLong ? cases : cases.filter((one, index) => index % 4 === 0 && !isSlow(one))

describe('what is told is what happened, once', () => {
  test.each(wanted.map((one) => [`${one.what} that ${one.name}`, one] as const))('%s', async (_, one) => {
    const world = await openClustersWorld({ clusters: [{ name: 'home', guests, storages }], limitsEndAfterMs: 300 })
    try {
      world.standIn.fault(one.fault, one.where)
      const end = await endOf(world, one.tool, one.input)
      const again = await endOf(world, one.tool, one.input)
      world.standIn.clearFaults()
      await world.clock.sleep(60_000)
      const truth = truthOf(world)
      expect(one.ends).toContain(end)
      expect(again).toBe(end)
      expect(truth.begun).toBeLessThanOrEqual(1)
      if (end === 'done') expect(truth).toMatchObject({ begun: 1, done: 1, failed: 0 })
      if (end === 'failed') expect(truth.done).toBe(0)
      expect(world.standIn.violations).toEqual([])
    } finally {
      await world.stop()
    }
  })
})
