import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { defaultConstraints } from '../../src/core/target.ts'
import { type ChangeFault, changeFaults, endOf, truthOf } from '../support/change-faults.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'
import { newGuestStorages } from '../support/pve/new-guest-storages.ts'

setDefaultTimeout(120_000)

const gib = 1024 ** 3
const archive = 'nas:backup/vzdump-lxc-101-2026_11_20-02_30_00.tar.zst'
const backup = {
  volid: archive,
  content: 'backup',
  format: 'tar.zst',
  size: gib,
  ctime: 1_760_000_000,
  vmid: 101,
} as const
const storage = { size: 900 * gib, used: {}, volumes: {} }
const storages = [
  ...newGuestStorages,
  { ...storage, name: 'nas', type: 'nfs', content: ['backup'], shared: true, volumes: { '*': [backup] } },
  { ...storage, name: 'ceph', type: 'rbd', content: ['images', 'rootdir'], shared: true },
]
const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const disk = (vmid: number) => `ceph:vm-${vmid}-disk-0,size=8G`
const snapshots = [{ name: 'before', snaptime: 1_760_000_000, description: '' }]
const guests = [
  { vmid: 101, node: 'pve1', name: 'web', status: 'running', snapshots, config: { rootfs: disk(101), onboot: 1 } },
  { vmid: 102, node: 'pve1', name: 'db', config: { rootfs: disk(102) } },
  { vmid: 200, node: 'pve1', kind: 'qemu', name: 'app', status: 'running', config: { scsi0: disk(200), agent: '1' } },
  { vmid: 201, node: 'pve1', kind: 'qemu', name: 'base', config: { scsi0: disk(201) } },
  { vmid: 202, node: 'pve1', kind: 'qemu', name: 'asleep', status: 'running', paused: true },
] as const

/** What tells of a change whose request was lost, when no task does: the state of things, or nothing. */
type Told = 'by state' | 'by nothing'

interface Kind {
  readonly what: string
  readonly tool: string
  readonly input: Readonly<Record<string, unknown>>
  readonly told: Told
  readonly method?: 'PUT' | 'DELETE'
  /** It is done at once, without a task. */
  readonly atOnce?: true
}

const manage = (action: string, guest: string, told: Told): Kind => ({
  what: action,
  tool: 'proxmox_manage_guest',
  input: { guest, action, timeout_s: 5 },
  told,
})
const snapshot = (action: string, name: string) => ({ tool: 'proxmox_snapshot', input: { guest: 'web', action, name } })
const place = { node: 'pve1', storage: 'fast', start: false } as const

const kinds: readonly Kind[] = [
  manage('start', 'db', 'by state'),
  manage('stop', 'web', 'by state'),
  manage('shutdown', 'web', 'by state'),
  manage('reboot', 'web', 'by nothing'),
  manage('suspend', 'app', 'by nothing'),
  manage('resume', 'asleep', 'by nothing'),
  { what: 'snapshot', ...snapshot('create', 'fresh'), told: 'by state' },
  { what: 'deletion of a snapshot', ...snapshot('delete', 'before'), told: 'by state', method: 'DELETE' },
  { what: 'rollback', ...snapshot('rollback', 'before'), told: 'by nothing' },
  { what: 'backup', tool: 'proxmox_backup', input: { guest: 'web' }, told: 'by state' },
  { what: 'restore', tool: 'proxmox_restore', input: { archive }, told: 'by state' },
  {
    what: 'restore over a guest',
    tool: 'proxmox_restore',
    input: { archive, vmid: 102, overwrite: true },
    told: 'by nothing',
  },
  {
    what: 'new container',
    tool: 'proxmox_create_container',
    input: { template: 'debian-13', hostname: 'new', ...place },
    told: 'by state',
  },
  {
    what: 'new VM',
    tool: 'proxmox_create_vm',
    input: { iso: 'debian-13.2.0', name: 'new', ...place },
    told: 'by state',
  },
  {
    what: 'copy of a container',
    tool: 'proxmox_clone_guest',
    input: { guest: 'db', name: 'new' },
    told: 'by state',
  },
  { what: 'copy of a VM', tool: 'proxmox_clone_guest', input: { guest: 'base', name: 'new' }, told: 'by state' },
  {
    what: 'setting of a container',
    tool: 'proxmox_configure_guest',
    input: { guest: 'web', cores: 3, remove: ['onboot'] },
    told: 'by state',
    method: 'PUT',
    atOnce: true,
  },
  {
    what: 'setting of a VM',
    tool: 'proxmox_configure_guest',
    input: { guest: 'app', onboot: true },
    told: 'by state',
  },
  {
    what: 'larger disk',
    tool: 'proxmox_resize_disk',
    input: { guest: 'db', disk: 'rootfs', size: '+1G' },
    told: 'by state',
    method: 'PUT',
  },
  {
    what: 'move of a container',
    tool: 'proxmox_migrate_guest',
    input: { guest: 'web', node: 'pve2' },
    told: 'by state',
  },
  { what: 'move of a VM', tool: 'proxmox_migrate_guest', input: { guest: 'app', node: 'pve2' }, told: 'by state' },
  {
    what: 'deletion',
    tool: 'proxmox_delete_guest',
    input: { guest: 'db' },
    told: 'by state',
    method: 'DELETE',
  },
  { what: 'template of a container', tool: 'proxmox_convert_template', input: { guest: 'db' }, told: 'by state' },
  { what: 'template of a VM', tool: 'proxmox_convert_template', input: { guest: 'base' }, told: 'by state' },
  {
    what: 'program in a VM',
    tool: 'proxmox_exec',
    input: { guest: 'app', argv: ['echo', 'hi'] },
    told: 'by nothing',
    atOnce: true,
  },
]

/** Ends of tasks that are neither good nor bad. */
const moreFaults: readonly ChangeFault[] = [
  { name: 'ends with warnings', fault: faults.taskEnds('WARNINGS: 1'), where: {}, ends: ['done'] },
  { name: 'dies without a word', fault: faults.taskEnds('unexpected status'), where: {}, ends: ['unknown'] },
]

/** The one end that is true of a change through each fault, and can be known. */
function trueEnd({ told, tool }: Kind, fault: string): string {
  if (/after|half/.test(fault)) return tool === 'proxmox_exec' ? 'unknown' : 'done'
  if (/before|silent/.test(fault)) return told === 'by state' ? 'failed' : 'unknown'
  if (/refused|worker|gone|fails/.test(fault)) return 'failed'
  return /never ends|cannot ask|dies/.test(fault) ? 'unknown' : 'done'
}

const open = (fault: string): Promise<ClustersWorld> =>
  openClustersWorld({
    clusters: [{ name: 'home', nodes, guests, storages }],
    target: { constraints: { ...defaultConstraints, commands: [{ program: 'echo' }] } },
    // What does not hang is not cut off by a machine that is busy.
    limitsEndAfterMs: fault.startsWith('hangs') ? 800 : 20_000,
  })

/** Every kind and every fault some time, the same each time; all pairs with TAILOPS_TEST_LONG, and hours of waiting, which take minutes. */
const isLong = process.env['TAILOPS_TEST_LONG'] === '1'
const isWanted = (kind: number, fault: number, name: string): boolean =>
  isLong || ((kind + fault * 3) % 7 === 0 && !name.endsWith('never ends'))

describe('what is told is what happened, once, and no more is unknown than must be', () => {
  const pairs = kinds.flatMap((kind, at) =>
    [...changeFaults(kind.method ?? 'POST'), ...moreFaults].flatMap((fault, index) => {
      const isOfTask = fault.where.method === undefined || fault.where.method === 'GET'
      if (!isWanted(at, index, fault.name) || (kind.atOnce === true && isOfTask)) return []
      return [[`${kind.what} that ${fault.name}`, kind, fault] as const]
    }),
  )
  test.each(pairs)('%s', async (_, kind, { name, fault, where }) => {
    const world = await open(name)
    try {
      world.standIn.fault(fault, where)
      const end = await endOf(world, kind.tool, kind.input)
      const again = await endOf(world, kind.tool, kind.input)
      world.standIn.clearFaults()
      // Time for everything that was begun to end; short pauses pass at once.
      for (let second = 0; second < 60; second += 2) await world.clock.sleep(2000)
      const { begun, done, failed } = truthOf(world)
      expect([end, again]).toEqual([trueEnd(kind, name), end])
      expect(begun).toBeLessThanOrEqual(kind.atOnce === true ? 0 : 1)
      expect(done + failed).toBeLessThanOrEqual(1)
      if (end === 'done') expect({ done, failed }).toEqual({ done: 1, failed: 0 })
      if (end === 'failed') expect(done).toBe(0)
      expect(world.standIn.violations).toEqual([])
    } finally {
      await world.stop()
    }
  })
})
