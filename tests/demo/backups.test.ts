import { afterEach, expect, test } from 'bun:test'
import { movedClock } from '../support/moved-clock.ts'
import { ask, list } from '../support/pve/ask.ts'
import { faults } from '../support/pve/faults.ts'
import { openStandIn, type StandIn, type StandInCluster } from '../support/pve/stand-in.ts'

let standIn: StandIn | undefined
afterEach(async () => {
  await standIn?.stop()
  standIn = undefined
})

const gib = 1024 ** 3
const volid = (day: number) => `nas:backup/vzdump-lxc-101-2026_11_${day}-02_30_00.tar.zst`
const archive = (day: number, more: object = {}) => ({
  volid: volid(day),
  content: 'backup' as const,
  format: 'tar.zst',
  size: gib,
  ctime: Date.UTC(2026, 10, day, 2, 30) / 1000,
  vmid: 101,
  ...more,
})
const kept = [archive(10, { protected: true }), archive(11), archive(12), archive(13)]
const renamed = { ...archive(9), volid: 'nas:backup/vzdump-lxc-101-the-good-one.tar.zst' }

async function open() {
  const clock = movedClock(new Date('2026-11-21T03:47:57Z'))
  const thin = {
    name: 'thin',
    type: 'lvmthin',
    content: ['rootdir', 'images'],
    shared: false,
    size: 100 * gib,
    used: {},
    volumes: {},
  }
  const nas = { name: 'nas', type: 'nfs', content: ['backup'], shared: true, size: 100 * gib, used: { '*': 5 * gib } }
  standIn = await openStandIn({
    clock,
    clusters: [
      {
        name: 'lab',
        storages: [thin, { ...nas, volumes: { '*': [...kept, renamed] } }],
        guests: [
          {
            vmid: 101,
            node: 'pve1',
            name: 'web',
            status: 'running',
            config: { rootfs: 'thin:vm-101-disk-0,size=8G', net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC' },
          },
          { vmid: 102, node: 'pve1', name: 'db', config: { protection: 1 } },
          { vmid: 103, node: 'pve2', name: 'far' },
        ],
      },
    ],
  })
  return { clock, standIn, lab: standIn.cluster('lab') }
}

const dump = '/nodes/pve1/vzdump'
const post = (lab: StandInCluster, path: string, form: Record<string, string>) =>
  ask(lab, path, { method: 'POST', form })

async function begin(lab: StandInCluster, path: string, form: Record<string, string>): Promise<string> {
  const { status, body } = await post(lab, path, form)
  expect(status).toBe(200)
  return String(body?.data)
}

const endOf = async (lab: StandInCluster, upid: string): Promise<string> =>
  String(Object((await ask(lab, `/nodes/pve1/tasks/${encodeURIComponent(upid)}/status`)).body?.data).exitstatus)

const held = async (lab: StandInCluster) =>
  (await list(lab, '/nodes/pve1/storage/nas/content?content=backup')).map((entry) => String(entry['volid']))

test('a backup is listed as recorded ones are, under the time at which it began', async () => {
  const { clock, standIn, lab } = await open()
  const upid = await begin(lab, dump, { vmid: '101', storage: 'nas', remove: '0', 'notes-template': '{{guestname}} x' })
  expect(upid).toContain(':vzdump:101:')
  expect(lab.world.guest(101)?.lock).toBe('backup')
  clock.advance(60_000)
  expect(await endOf(lab, upid)).toBe('OK')
  const made = (await list(lab, '/nodes/pve1/storage/nas/content?content=backup')).at(-1)
  expect(made).toMatchObject({
    volid: 'nas:backup/vzdump-lxc-101-2026_11_21-03_47_57.tar.zst',
    content: 'backup',
    subtype: 'lxc',
    format: 'tar.zst',
    vmid: 101,
    notes: 'web x',
  })
  expect(await held(lab)).toHaveLength(6)
  expect(standIn.violations).toEqual([])
})

test('a retention is tried without effect, and then carried out; protected and renamed ones stay', async () => {
  const { clock, lab } = await open()
  const tried = await list(lab, '/nodes/pve1/storage/nas/prunebackups?prune-backups=keep-last%3D2&vmid=101&type=lxc')
  expect(tried.map(({ volid: id, mark }) => [id, mark])).toEqual([
    [volid(13), 'keep'],
    [volid(12), 'keep'],
    [volid(11), 'remove'],
    [volid(10), 'protected'],
    [renamed.volid, 'renamed'],
  ])
  expect(await held(lab)).toHaveLength(5)
  await begin(lab, dump, { vmid: '101', storage: 'nas', 'prune-backups': 'keep-last=2' })
  clock.advance(60_000)
  expect((await held(lab)).toSorted()).toEqual(
    [volid(10), volid(13), renamed.volid, 'nas:backup/vzdump-lxc-101-2026_11_21-03_47_57.tar.zst'].toSorted(),
  )
})

test('a backup that cannot be made ends with job errors, and its log says why', async () => {
  const { clock, standIn, lab } = await open()
  const upid = await begin(lab, dump, { vmid: '101', storage: 'thin' })
  clock.advance(60_000)
  expect(await endOf(lab, upid)).toBe('job errors')
  const log = (await list(lab, `/nodes/pve1/tasks/${encodeURIComponent(upid)}/log`)).map(({ t }) => String(t))
  expect(log).toContain("ERROR: Backup of VM 101 failed - can't use storage 'thin' for backups - wrong content type")
  expect(standIn.effects().at(-1)?.effect).toBe('failed: job errors')
})

test('a guest of another node is passed over without a word', async () => {
  const { standIn, lab } = await open()
  expect(await begin(lab, dump, { vmid: '103', storage: 'nas' })).toBe('OK')
  expect(standIn.effects()).toEqual([])
})

test('a restored guest is there at once, locked, and stays when its task ends well', async () => {
  const { clock, standIn, lab } = await open()
  await begin(lab, dump, { vmid: '101', storage: 'nas', remove: '0' })
  clock.advance(60_000)
  const ostemplate = 'nas:backup/vzdump-lxc-101-2026_11_21-03_47_57.tar.zst'
  const text = await ask(lab, `/nodes/pve1/vzdump/extractconfig?volume=${encodeURIComponent(ostemplate)}`)
  expect(String(text.body?.data)).toContain('hostname: web\n')
  const upid = await begin(lab, '/nodes/pve1/lxc', {
    vmid: '110',
    ostemplate,
    restore: '1',
    storage: 'thin',
    unique: '1',
  })
  expect(upid).toContain(':vzrestore:110:')
  expect(lab.world.guest(110)?.lock).toBe('create')
  clock.advance(60_000)
  expect(await endOf(lab, upid)).toBe('OK')
  expect(lab.world.guest(110)).toMatchObject({ name: 'web', status: 'stopped', lock: undefined })
  expect(lab.world.guest(110)?.config['rootfs']).toBe('thin:vm-110-disk-0,size=8G')
  expect(lab.world.guest(110)?.config['net0']).not.toContain('AA:BB:CC')
  expect(standIn.violations).toEqual([])
})

test('a restore that fails leaves nothing behind', async () => {
  const { clock, standIn, lab } = await open()
  standIn.fault(faults.taskFails('archive is damaged'))
  await begin(lab, '/nodes/pve1/lxc', { vmid: '110', ostemplate: volid(13), restore: '1', storage: 'thin' })
  clock.advance(60_000)
  expect(lab.world.guest(110)).toBeUndefined()
})

test.each([
  [{ vmid: '101' }, "CT 101 already exists on node 'pve1'"],
  [{ vmid: '101', force: '1' }, "can't overwrite running container"],
  [{ vmid: '102', force: '1' }, 'unable to restore CT 102 - protection mode enabled'],
  [{ vmid: '103', force: '1' }, "CT 103 already exists on node 'pve2'"],
] as const)('a restore with %o is refused at once', async (form, why) => {
  const { standIn, lab } = await open()
  const asked = { ostemplate: volid(13), restore: '1', storage: 'thin', ...form }
  expect(await post(lab, '/nodes/pve1/lxc', asked)).toMatchObject({ status: 500, reason: why })
  expect(standIn.effects()).toEqual([])
})
