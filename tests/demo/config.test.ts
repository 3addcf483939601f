import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { Access } from '../../src/demo/access.ts'
import { movedClock } from '../support/moved-clock.ts'
import { ask, list } from '../support/pve/ask.ts'
import { openStandIn, type StandIn, type StandInCluster } from '../support/pve/stand-in.ts'

const gib = 1024 ** 3
const storage = { content: ['rootdir', 'images'], size: 100 * gib, used: { pve1: 40 * gib }, volumes: {} } as const
const guests = [
  { vmid: 101, node: 'pve1', status: 'running', config: { rootfs: 'thin:vm-101-disk-0,size=8G' } },
  { vmid: 102, node: 'pve1', config: { rootfs: 'ceph:vm-102-disk-0,size=8G' }, diskSize: 8 * gib },
  { vmid: 103, node: 'pve1', snapshots: [{ name: 'a', snaptime: 1, description: '' }] },
  { vmid: 104, node: 'pve1', config: { protection: 1 } },
  { vmid: 105, node: 'pve1', hastate: 'started' },
  { vmid: 106, node: 'pve1', lock: 'backup' },
  { vmid: 107, node: 'pve1', config: { rootfs: 'here:vm-107-disk-0,size=8G' } },
  { vmid: 200, node: 'pve1', kind: 'qemu', status: 'running', config: { scsi0: 'thin:vm-200-disk-0,size=8G' } },
  { vmid: 201, node: 'pve1', kind: 'qemu', template: true, config: { scsi0: 'thin:base-201-disk-0,size=8G' } },
  { vmid: 202, node: 'pve1', kind: 'qemu', config: { scsi0: 'thin:base-201-disk-0/vm-202-disk-0,size=8G' } },
] as const

let standIn: StandIn
let lab: StandInCluster
const clock = movedClock()
beforeEach(async () => {
  const storages = [
    { ...storage, name: 'thin', type: 'lvmthin', shared: false },
    { ...storage, name: 'ceph', type: 'rbd', shared: true },
    { ...storage, name: 'here', type: 'zfspool', shared: false, nodes: ['pve1'] },
  ]
  const replication = [{ guest: 101, number: 0, source: 'pve1', target: 'pve2' }]
  standIn = await openStandIn({ clock, clusters: [{ name: 'lab', guests, storages, replication }] })
  lab = standIn.cluster('lab')
})
afterEach(async () => {
  expect(standIn.violations).toEqual([])
  await standIn.stop()
})

type Method = 'POST' | 'PUT' | 'DELETE'

/** Asks, and lets the task of it end: the reason of a refusal, the end of the task, or OK. */
async function change(method: Method, path: string, form?: Record<string, string>): Promise<string> {
  const { status, reason, body } = await ask(lab, `/nodes/pve1${path}`, { method, ...(form && { form }) })
  if (status !== 200) return `${status} ${reason}`
  if (typeof body?.data !== 'string') return 'OK'
  clock.advance(120_000)
  const task = await ask(lab, `/nodes/pve1/tasks/${encodeURIComponent(body.data)}/status`)
  return String(Object(task.body?.data).exitstatus)
}

const config = async (path: string) => Object((await ask(lab, `/nodes/pve1${path}/config`)).body?.data)

describe('a configuration', () => {
  test('of a stopped guest changes at once; tags and notes are stored as Proxmox VE stores them', async () => {
    expect(await change('PUT', '/lxc/102/config', { tags: 'Web,db', description: 'hello', cores: '3' })).toBe('OK')
    expect(await config('/lxc/102')).toMatchObject({ tags: 'db;web', description: 'hello\n', cores: 3 })
    expect(await change('PUT', '/lxc/102/config', { delete: 'tags,description' })).toBe('OK')
    expect(Object.keys(await config('/lxc/102'))).not.toContain('description')
  })

  test('of a running VM keeps what cannot be plugged until its next start', async () => {
    expect(await change('POST', '/qemu/200/config', { cores: '6', onboot: '1' })).toBe('OK')
    const pending = await list(lab, '/nodes/pve1/qemu/200/pending')
    expect(pending).toContainEqual({ key: 'cores', value: 2, pending: 6 })
    expect(pending).toContainEqual({ key: 'onboot', value: 1 })
    expect((await config('/qemu/200')).cores).toBe(6)
    expect(lab.world.guest(200)?.cpus).toBe(2)
    await change('POST', '/qemu/200/status/reboot')
    expect(lab.world.guest(200)).toMatchObject({ cpus: 6, pending: undefined })
  })

  test('is not changed with an old digest, under a lock, or in keys of root', async () => {
    expect(await change('PUT', '/lxc/102/config', { cores: '3', digest: 'old' })).toContain('500 detected modified')
    expect(await change('PUT', '/lxc/106/config', { cores: '3' })).toBe('500 CT is locked (backup)')
    expect(await change('PUT', '/qemu/200/config', { args: '-foo' })).toBe("500 only root can set 'args' config")
    expect(standIn.effects()).toEqual([])
  })
})

test('a disk grows, and never shrinks', async () => {
  expect(await change('PUT', '/lxc/102/resize', { disk: 'rootfs', size: '+2G' })).toBe('OK')
  expect((await config('/lxc/102')).rootfs).toBe('ceph:vm-102-disk-0,size=10G')
  expect(lab.world.storages.get('ceph')?.used['*']).toBe(2 * gib)
  expect(await change('PUT', '/lxc/102/resize', { disk: 'rootfs', size: '9G' })).toBe('500 unable to shrink disk size')
  expect(await change('PUT', '/qemu/200/resize', { disk: 'scsi1', size: '+1G' })).toBe(
    "500 disk 'scsi1' does not exist",
  )
})

describe('a guest is deleted', () => {
  test('unless it is protected, running, kept by HA, locked, or linked clones stand on it', async () => {
    expect(await change('DELETE', '/lxc/104')).toBe("500 can't remove CT 104 - protection mode enabled")
    expect(await change('DELETE', '/lxc/101?purge=1')).toBe('500 unable to destroy CT 101 - container is running')
    expect(await change('DELETE', '/qemu/200')).toBe('500 VM 200 is running - destroy failed')
    expect(await change('DELETE', '/lxc/105')).toContain('used in HA resources and purge parameter not set')
    expect(await change('DELETE', '/lxc/106')).toBe('500 CT is locked (backup)')
    expect(await change('DELETE', '/qemu/201')).toContain('is still in use by linked cloned')
    expect(standIn.effects()).toEqual([])
  })

  test('and what named it no longer does, when that is asked for', async () => {
    expect(await list(lab, '/cluster/replication')).toMatchObject([{ id: '101-0', guest: 101, target: 'pve2' }])
    lab.world.changeGuest(101, { status: 'stopped' })
    expect(await change('DELETE', '/lxc/101')).toContain('replication job')
    expect(await change('DELETE', '/lxc/101?purge=1')).toBe('OK')
    expect(await list(lab, '/cluster/replication')).toEqual([])
    expect(await list(lab, '/cluster/ha/resources')).toMatchObject([{ sid: 'ct:105', state: 'started' }])
  })
})

describe('a template is made', () => {
  test('of a stopped guest without snapshots', async () => {
    expect(await change('POST', '/lxc/103/template')).toContain('because CT contains snapshots')
    expect(await change('POST', '/lxc/101/template')).toContain('if the CT is running')
    expect(await change('POST', '/qemu/201/template')).toContain("can't convert a template to a template")
    expect(await change('POST', '/qemu/202/template')).toBe('OK')
    expect(lab.world.guest(202)?.template).toBe(true)
  })

  test('of a container by a task that the answer does not name', async () => {
    const { body } = await ask(lab, '/nodes/pve1/lxc/102/template', { method: 'POST' })
    expect(body?.data).toBeNull()
    clock.advance(5000)
    expect(lab.world.guest(102)?.template).toBe(true)
  })
})

describe('a guest moves', () => {
  test('by its rules', async () => {
    const move = (path: string, form: Record<string, string>) => change('POST', `${path}/migrate`, form)
    expect(await move('/lxc/102', { target: 'pve9' })).toBe("500 no such cluster node 'pve9'")
    expect(await move('/lxc/102', { target: 'pve1' })).toStartWith('400')
    expect(await move('/lxc/101', { target: 'pve2' })).toContain('without --online or --restart')
    expect(await move('/qemu/200', { target: 'pve2' })).toBe("500 can't migrate running VM without --online")
    expect(await move('/qemu/200', { target: 'pve2', online: '1' })).toContain('without with-local-disks option')
    expect(await move('/lxc/107', { target: 'pve2' })).toBe("500 storage 'here' is not available on node 'pve2'")
    expect(await move('/lxc/107', { target: 'pve2', 'target-storage': 'here:thin' })).toBe('OK')
    expect(lab.world.guest(107)).toMatchObject({ node: 'pve2', config: { rootfs: 'thin:vm-107-disk-0,size=8G' } })
  })

  test('later, when its HA manager does it', async () => {
    const { body } = await ask(lab, '/nodes/pve1/lxc/105/migrate', { method: 'POST', form: { target: 'pve2' } })
    expect(String(body?.data)).toContain(':hamigrate:105:')
    clock.advance(2000)
    expect(lab.world.guest(105)?.node).toBe('pve1')
    clock.advance(60_000)
    expect(lab.world.guest(105)?.node).toBe('pve2')
  })

  test('and before, its node tells what stands against that', async () => {
    const { body } = await ask(lab, '/nodes/pve1/qemu/200/migrate?target=pve2')
    expect(body?.data).toMatchObject({ running: 1, local_resources: [], allowed_nodes: ['pve2', 'pve3'] })
    expect(Object(body?.data).local_disks).toMatchObject([{ volid: 'thin:vm-200-disk-0', cdrom: 0 }])
  })
})

test('each kind of setting needs its own privilege', async () => {
  const access = new Access({
    users: [{ id: 'gw@pve' }],
    tokens: [{ id: 'gw@pve!tune', secret: 'secret', privsep: false }],
    acls: [{ path: '/vms', to: 'gw@pve', role: 'Tuner' }],
    roles: { Tuner: ['VM.Audit', 'VM.Config.Options'] },
    key: 'key',
  })
  await standIn.stop()
  standIn = await openStandIn({ clock, clusters: [{ name: 'lab', guests, access }] })
  lab = standIn.cluster('lab')
  expect(await change('PUT', '/lxc/103/config', { onboot: '1' })).toBe('OK')
  expect(await change('PUT', '/lxc/103/config', { cores: '4' })).toBe(
    '403 Permission check failed (/vms/103, VM.Config.CPU)',
  )
})
