import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { Access } from '../../src/demo/access.ts'
import type { MovedClock } from '../support/moved-clock.ts'
import { movedClock } from '../support/moved-clock.ts'
import { ask } from '../support/pve/ask.ts'
import { change } from '../support/pve/change.ts'
import { newGuestStorages } from '../support/pve/new-guest-storages.ts'
import { openStandIn, type StandIn, type StandInCluster } from '../support/pve/stand-in.ts'

const guests = [
  { vmid: 101, node: 'pve1', status: 'running', config: { rootfs: 'fast:vm-101-disk-0,size=8G' } },
  { vmid: 102, node: 'pve1', config: { rootfs: 'fast:vm-102-disk-0,size=8G' } },
  { vmid: 190, node: 'pve1', template: true, config: { rootfs: 'fast:base-190-disk-0,size=4G' } },
  { vmid: 200, node: 'pve1', kind: 'qemu', config: { scsi0: 'fast:vm-200-disk-0,size=8G' } },
] as const
const secret = '00000000-0000-4000-8000-000000000001'

let clock: MovedClock
let standIn: StandIn
let lab: StandInCluster
beforeEach(async () => {
  clock = movedClock()
  const access = new Access({
    users: [{ id: 'root@pam' }, { id: 'gw@pve' }],
    tokens: [
      { id: 'root@pam!tailops', secret: '11111111-2222-4333-8444-555555555555', privsep: false },
      { id: 'gw@pve!ro', secret, privsep: false },
    ],
    acls: [{ path: '/vms/102', to: 'gw@pve', role: 'PVEVMUser' }],
    key: 'k',
  })
  standIn = await openStandIn({ clock, clusters: [{ name: 'lab', guests, storages: newGuestStorages, access }] })
  lab = standIn.cluster('lab')
})
afterEach(async () => {
  expect(standIn.violations).toEqual([])
  await standIn.stop()
})

const template = 'local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst'
const container = { vmid: '300', ostemplate: template, hostname: 'new', rootfs: 'fast:8' }
const machine = {
  vmid: '300',
  name: 'new',
  scsi0: 'fast:8',
  ide2: 'local:iso/debian-13.2.0-amd64-netinst.iso,media=cdrom',
}

const post = async (path: string, form: Readonly<Record<string, string>>, node = 'pve1') => {
  const { status, reason, body } = await ask(lab, `/nodes/${node}${path}`, { method: 'POST', form })
  return status === 200 ? String(body?.data).split(':')[5] : reason
}
const effects = () => standIn.effects().map(({ effect, vmid }) => `${effect} ${vmid}`)

describe('a guest that is made', () => {
  test.each([
    ['/lxc', container, 'vzcreate', 'create'],
    ['/qemu', machine, 'qmcreate', 'create'],
  ] as const)('%s is there at once, locked, and free at the end of its task', async (path, form, type, lock) => {
    expect(await post(path, form)).toBe(type)
    expect(lab.world.guest(300)?.lock).toBe(lock)
    clock.advance(10_000)
    expect(effects()).toEqual(['accepted 300', 'created 300'])
    expect(lab.world.guest(300)?.lock).toBeUndefined()
    expect(lab.world.guest(300)).toMatchObject({
      name: 'new',
      status: 'stopped',
      diskSize: 8 * 2 ** 30,
    })
  })

  test('goes again when its template is not there', async () => {
    expect(await post('/lxc', { ...container, ostemplate: 'local:vztmpl/none.tar.zst' })).toBe('vzcreate')
    clock.advance(10_000)
    expect(effects().at(-1)).toContain(
      "failed: unable to create CT 300 - volume 'local:vztmpl/none.tar.zst' does not exist",
    )
    expect(lab.world.guest(300)).toBeUndefined()
  })

  test('never takes the number of another', async () => {
    expect(await post('/lxc', { ...container, vmid: '200' })).toBe("VM 200 already exists on node 'pve1'")
    expect(await post('/qemu', { ...machine, vmid: '101' })).toBe(
      "unable to create VM 101 - CT 101 already exists on node 'pve1'",
    )
    expect(standIn.effects()).toEqual([])
  })

  test.each([
    ['a storage that is not there', { rootfs: 'none:8' }, "storage 'none' does not exist"],
    ['a storage for other things', { rootfs: 'local:8' }, 'Parameter verification failed.'],
    ['keys that are none', { 'ssh-public-keys': 'nonsense' }, 'Parameter verification failed.'],
    ['a pool that is not there', { pool: 'none' }, "pool 'none' does not exist"],
  ] as const)('is refused with %s', async (_, form, reason) => {
    expect(await post('/lxc', { ...container, ...form })).toBe(reason)
    expect(standIn.effects()).toEqual([])
  })
})

describe('a clone', () => {
  test('of a container locks its source, has its number at once, and is whole at the end', async () => {
    expect(await post('/lxc/102/clone', { newid: '300', hostname: 'copy' })).toBe('vzclone')
    expect([lab.world.guest(102)?.lock, lab.world.guest(300)?.lock]).toEqual(['disk', 'create'])
    expect(await post('/lxc/102/clone', { newid: '301' })).toBe('CT is locked (disk)')
    clock.advance(10_000)
    expect(effects()).toEqual(['accepted 102', 'cloned 300'])
    expect(lab.world.guest(300)).toMatchObject({ name: 'copy', config: { rootfs: 'fast:vm-300-disk-0,size=8G' } })
    expect(lab.world.guest(102)?.lock).toBeUndefined()
  })

  test.each([
    ['/lxc/101/clone', {}, 'Full clone of a running container is only possible from a snapshot'],
    ['/lxc/102/clone', { full: '0' }, "Linked clone feature for 'fast:vm-102-disk-0' is not available"],
    ['/lxc/190/clone', { storage: 'slow' }, "parameter 'storage' not allowed for linked clones"],
    ['/lxc/102/clone', { target: 'pve2' }, "can't clone CT to node 'pve2' (CT uses local storage)"],
    ['/lxc/102/clone', { target: 'pve2', storage: 'fast' }, "can't clone to non-shared storage 'fast'"],
    ['/lxc/102/clone', { snapname: 'none' }, "snapshot 'none' does not exist"],
    ['/lxc/102/clone', { newid: '200' }, "VM 200 already exists on node 'pve1'"],
    ['/qemu/200/clone', { newid: '101' }, 'unable to create VM 101: config file already exists'],
    ['/qemu/200/clone', { full: '0' }, "Linked clone feature is not supported for 'fast:vm-200-disk-0' (scsi0)"],
  ] as const)('%s with %j is refused as Proxmox VE does', async (path, form, reason) => {
    expect(await post(path, { newid: '300', ...form })).toBe(reason)
    expect(standIn.effects()).toEqual([])
  })

  test('needs the right to clone, and to allocate the new number', async () => {
    const headers = { authorization: `PVEAPIToken=gw@pve!ro=${secret}` }
    const as = (vmid: number) =>
      ask(lab, `/nodes/pve1/lxc/${vmid}/clone`, { method: 'POST', form: { newid: '300' }, headers })
    expect((await as(190)).reason).toBe('Permission check failed (/vms/190, VM.Clone)')
    lab.world.access.acls = [{ path: '/vms/102', to: 'gw@pve', role: 'PVEVMAdmin' }]
    expect((await as(102)).reason).toBe('Permission check failed')
  })
})

test('without quorum nothing is made', async () => {
  lab.world.setQuorumLost(true)
  expect(await post('/lxc', container)).toBe('cluster not ready - no quorum?')
  expect(await post('/qemu/200/clone', { newid: '300' })).toBe('cluster not ready - no quorum?')
})

test('what is made on a node that goes off stays locked, as its worker left it', async () => {
  await post('/lxc', container)
  change.nodeOff(lab.world, 'pve1')
  expect(effects().at(-1)).toBe('failed: unexpected status 300')
  expect(lab.world.guest(300)?.lock).toBe('create')
})
