import { afterEach, expect, test } from 'bun:test'
import { movedClock } from '../support/moved-clock.ts'
import { ask, list } from '../support/pve/ask.ts'
import { openStandIn, type StandIn, type StandInCluster } from '../support/pve/stand-in.ts'

let standIn: StandIn | undefined
afterEach(async () => {
  await standIn?.stop()
  standIn = undefined
})

const gib = 1024 ** 3
const storage = { content: ['rootdir', 'images'], shared: false, size: 100 * gib, used: {}, volumes: {} } as const
const old = { name: 'old', snaptime: 1_760_000_000, description: '' } as const
const newer = { name: 'new', snaptime: 1_760_100_000, description: '', parent: 'old' } as const

async function open() {
  const clock = movedClock()
  standIn = await openStandIn({
    clock,
    clusters: [
      {
        name: 'lab',
        storages: [
          { ...storage, name: 'thin', type: 'lvmthin' },
          { ...storage, name: 'tank', type: 'zfspool' },
          { ...storage, name: 'plain', type: 'dir' },
        ],
        guests: [
          {
            vmid: 101,
            node: 'pve1',
            status: 'running',
            config: { rootfs: 'thin:vm-101-disk-0' },
            snapshots: [old, newer],
          },
          { vmid: 102, node: 'pve1', config: { rootfs: 'tank:subvol-102-disk-0' }, snapshots: [old, newer] },
          { vmid: 103, node: 'pve1', config: { rootfs: 'plain:103/vm-103-disk-0.raw' } },
          { vmid: 104, node: 'pve1', template: true, snapshots: [old] },
          { vmid: 105, node: 'pve1', lock: 'backup', snapshots: [old] },
          { vmid: 200, node: 'pve1', kind: 'qemu', config: { scsi0: 'plain:200/vm-200-disk-0.qcow2,size=8G' } },
        ],
      },
    ],
  })
  return { clock, standIn, lab: standIn.cluster('lab') }
}

type Method = 'POST' | 'DELETE'

async function begin(
  lab: StandInCluster,
  method: Method,
  path: string,
  form?: Record<string, string>,
): Promise<string> {
  const { status, body } = await ask(lab, path, { method, ...(form && { form }) })
  expect(status).toBe(200)
  return String(body?.data)
}

const endOf = async (lab: StandInCluster, upid: string): Promise<string> =>
  String(Object((await ask(lab, `/nodes/pve1/tasks/${encodeURIComponent(upid)}/status`)).body?.data).exitstatus)

const base = '/nodes/pve1/lxc/101/snapshot'

test('a snapshot is listed once its task has ended, and the guest is locked meanwhile', async () => {
  const { clock, standIn, lab } = await open()
  const upid = await begin(lab, 'POST', base, { snapname: 'third', description: 'why' })
  expect(upid).toContain(':vzsnapshot:101:')
  expect(await list(lab, '/nodes/pve1/lxc')).toContainEqual(expect.objectContaining({ vmid: 101, lock: 'snapshot' }))
  clock.advance(2000)
  expect(await endOf(lab, upid)).toBe('OK')
  expect((await list(lab, base)).map(({ name, parent }) => [name, parent])).toEqual([
    ['old', undefined],
    ['new', 'old'],
    ['third', 'new'],
    ['current', 'third'],
  ])
  expect(lab.world.guest(101)?.lock).toBeUndefined()
  expect(standIn.violations).toEqual([])
})

test('what is locked by a running task is refused, and does not wait', async () => {
  const { clock, lab } = await open()
  await begin(lab, 'POST', base, { snapname: 'third' })
  const stop = await begin(lab, 'POST', '/nodes/pve1/lxc/101/status/stop')
  clock.advance(1000)
  expect(await endOf(lab, stop)).toBe('CT is locked (snapshot)')
})

test('a rollback brings the configuration back and leaves the guest stopped; newer snapshots stay', async () => {
  const { clock, lab } = await open()
  const taken = await begin(lab, 'POST', base, { snapname: 'third' })
  clock.advance(2000)
  expect(await endOf(lab, taken)).toBe('OK')
  lab.world.changeGuest(101, { cpus: 16, name: 'renamed' })
  const upid = await begin(lab, 'POST', `${base}/third/rollback`)
  clock.advance(5000)
  expect(await endOf(lab, upid)).toBe('OK')
  expect(lab.world.guest(101)).toMatchObject({ cpus: 2, name: 'guest-101', status: 'stopped' })
  const older = await begin(lab, 'POST', `${base}/old/rollback`, { start: '1' })
  clock.advance(5000)
  expect(await endOf(lab, older)).toBe('OK')
  expect(Object((await ask(lab, '/nodes/pve1/lxc/101/config')).body?.data).parent).toBe('old')
  expect(lab.world.guest(101)?.status).toBe('running')
})

test.each([
  ['POST', '/nodes/pve1/lxc/101/snapshot', { snapname: 'old' }, "snapshot name 'old' already used"],
  ['POST', '/nodes/pve1/lxc/103/snapshot', { snapname: 'pre' }, 'snapshot feature is not available'],
  ['POST', '/nodes/pve1/lxc/104/snapshot', { snapname: 'pre' }, "you can't take a snapshot if it's a template"],
  ['POST', '/nodes/pve1/lxc/105/snapshot', { snapname: 'pre' }, 'CT is locked (backup)'],
  ['POST', '/nodes/pve1/lxc/105/snapshot/old/rollback', undefined, 'CT is locked (backup)'],
  ['POST', '/nodes/pve1/lxc/101/snapshot/none/rollback', undefined, "snapshot 'none' does not exist"],
  ['DELETE', '/nodes/pve1/lxc/101/snapshot/none', undefined, "snapshot 'none' does not exist"],
  [
    'POST',
    '/nodes/pve1/lxc/102/snapshot/old/rollback',
    undefined,
    "can't rollback, 'old' is not most recent snapshot on 'tank:subvol-102-disk-0'",
  ],
] as const)('%s %s %o fails in its task', async (method, path, form, why) => {
  const { clock, standIn, lab } = await open()
  const upid = await begin(lab, method, path, form)
  clock.advance(5000)
  expect(await endOf(lab, upid)).toBe(why)
  expect(standIn.effects().map(({ effect }) => effect)).toEqual(['accepted', `failed: ${why}`])
  expect(standIn.violations).toEqual([])
})

test('names that are reserved are refused at once', async () => {
  const { lab } = await open()
  const { status, reason } = await ask(lab, base, { method: 'POST', form: { snapname: 'current' } })
  expect([status, reason]).toEqual([500, "unable to use snapshot name 'current' (reserved name)"])
})

test('whether a guest can be snapshotted follows from its storages', async () => {
  const { lab } = await open()
  const has = async (path: string) =>
    Object((await ask(lab, `/nodes/pve1/${path}/feature?feature=snapshot`)).body?.data).hasFeature
  expect([await has('lxc/101'), await has('lxc/103'), await has('qemu/200')]).toEqual([1, 0, 1])
})

test('without quorum a snapshot is accepted, as by the real one, and fails in its task', async () => {
  const { clock, standIn, lab } = await open()
  lab.world.setNodeState('pve2', 'offline')
  lab.world.setNodeState('pve3', 'offline')
  await standIn.settled()
  const upid = await begin(lab, 'POST', base, { snapname: 'pre' })
  clock.advance(2000)
  expect(await endOf(lab, upid)).toContain('Permission denied')
})
