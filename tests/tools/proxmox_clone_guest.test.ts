import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { Call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { change } from '../support/pve/change.ts'
import { faults } from '../support/pve/faults.ts'
import { newGuestStorages } from '../support/pve/new-guest-storages.ts'

setDefaultTimeout(30_000)

const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const snapshots = [{ name: 'before-v2', snaptime: 1_760_000_000, description: '' }]
const net0 = 'virtio=BC:24:11:00:00:01,bridge=vmbr0'
const guests = [
  {
    vmid: 101,
    node: 'pve1',
    name: 'web',
    status: 'running',
    snapshots,
    config: { rootfs: 'fast:vm-101-disk-0,size=8G' },
  },
  { vmid: 102, node: 'pve1', name: 'db', config: { rootfs: 'slow:102/vm-102-disk-0.raw,size=16G' } },
  { vmid: 103, node: 'pve1', name: 'big', config: { rootfs: 'fast:vm-103-disk-0,size=900G' } },
  { vmid: 104, node: 'pve1', name: 'busy', lock: 'backup', config: {} },
  { vmid: 190, node: 'pve2', name: 'tmpl', template: true, config: { rootfs: 'fast:base-190-disk-0,size=4G' } },
  {
    vmid: 200,
    node: 'pve2',
    kind: 'qemu',
    name: 'app',
    status: 'running',
    config: { scsi0: 'fast:vm-200-disk-0,iothread=1,size=32G', net0 },
  },
  {
    vmid: 290,
    node: 'pve2',
    kind: 'qemu',
    name: 'gold',
    template: true,
    config: { scsi0: 'slow:290/base-290-disk-0.qcow2,size=10G', net0 },
  },
] as const

let world: ClustersWorld
beforeEach(async () => {
  const cluster = { name: 'home', nodes, guests, storages: newGuestStorages, pools: [{ name: 'apps' }] }
  world = await openClustersWorld({ clusters: [cluster] })
})
afterEach(async () => {
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

const clone = (guest: string, more: Record<string, unknown> = {}, call: Partial<Call> = {}) =>
  world.ask('proxmox_clone_guest', { guest, name: 'copy', ...more }, call)

const done = (): readonly string[] =>
  world.standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

const told = (result: CallResult): string => JSON.stringify(result)
const made = (vmid: number) => world.standIn.cluster('home').world.guest(vmid)

describe('a clone is made', () => {
  test('of a container, whole, with the next free vmid', async () => {
    const said = told(await clone('db', { pool: 'apps' }))
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"guest":"copy","vmid":100,"node":"pve1","status":"stopped"')
    expect(done()).toEqual(['cloned 100'])
    expect(made(100)).toMatchObject({
      name: 'copy',
      pool: 'apps',
      config: { rootfs: 'slow:102/vm-100-disk-0.raw,size=16G' },
    })
  })

  test('of a snapshot of a running container, on another storage', async () => {
    expect(told(await clone('web', { snapshot: 'before-v2', storage: 'slow' }))).toContain('"status":"done"')
    expect(made(100)?.config['rootfs']).toBe('slow:vm-100-disk-0,size=8G')
    expect(made(101)?.status).toBe('running')
  })

  test('of a running virtual machine, and the plan says that it runs', async () => {
    expect(told(await clone('app', {}, { dryRun: true }))).toContain(
      'a copy of app (200), its disks as they are while it runs',
    )
    expect(told(await clone('app', { vmid: 250 }))).toContain('"vmid":250')
    expect(made(250)?.config['net0']).toBe('virtio=BC:24:11:00:00:FA,bridge=vmbr0')
  })

  test('of a template, linked to its disks', async () => {
    expect(told(await clone('tmpl', { linked: true }))).toContain('"status":"done"')
    expect(made(100)).toMatchObject({
      template: undefined,
      config: { rootfs: 'fast:base-190-disk-0/vm-100-disk-0,size=4G' },
    })
  })

  test('on another node, where its storage is shared', async () => {
    expect(told(await clone('gold', { node: 'pve3' }))).toContain('"vmid":100,"node":"pve3"')
    expect(told(await clone('web', { node: 'pve2', storage: 'slow', snapshot: 'before-v2' }))).toContain(
      '"node":"pve2"',
    )
  })
})

describe('nothing is done', () => {
  const cases = [
    [
      'a linked clone of what is no template',
      'db',
      { linked: true },
      'a linked clone shares the disks of a template, and db (102) is none',
    ],
    ['a linked clone on another storage', 'tmpl', { linked: true, storage: 'slow' }, 'leave storage out'],
    ['a running container', 'web', {}, 'cannot clone web (101) while it runs'],
    [
      'a snapshot that is not there',
      'web',
      { snapshot: 'before-v3' },
      'has no snapshot "before-v3"; did you mean before-v2?',
    ],
    ['a guest with a lock', 'busy', {}, 'busy: cannot clone busy (104): it is locked (backup)'],
    ['a storage without room', 'big', {}, 'storage fast has 500 GiB free on pve1: too little for a copy of 900 GiB'],
    ['another storage without its content', 'db', { storage: 'local' }, 'storage local takes no containers'],
    ['another node, from a local storage', 'app', { node: 'pve1' }, 'storage fast is not shared; leave node out'],
    ['a node that is not there', 'db', { node: 'pve9' }, 'no node "pve9"'],
    ['a vmid that is taken', 'db', { vmid: 200 }, 'vmid 200 is taken by app on pve2'],
    ['a pool that is not there', 'db', { pool: 'aps' }, 'did you mean apps?'],
    ['a guest that is not there', 'bd', {}, 'did you mean db'],
    ['a name with spaces', 'db', { name: 'my copy' }, 'letters, digits, dashes and dots only'],
  ] as const
  for (const [what, guest, more, said] of cases)
    test(`for ${what}`, async () => {
      expect(await refusal(clone(guest, more))).toContain(said)
      expect(world.standIn.effects()).toEqual([])
    })

  test('to a node that is offline', async () => {
    change.nodeOff(world.standIn.cluster('home').world, 'pve3')
    await world.standIn.settled()
    expect(await refusal(clone('gold', { node: 'pve3' }))).toContain('unreachable: node pve3 is offline')
  })
})

describe('faults', () => {
  test('a clone that fails leaves nothing', async () => {
    world.standIn.fault(faults.taskFails('clone failed: out of space'), { path: /\/clone$/ })
    const said = told(await clone('db'))
    expect(said).toContain('"status":"failed"')
    expect(said).toContain('out of space')
    expect(made(100)).toBeUndefined()
    expect(world.standIn.requests.filter((line) => line.startsWith('DELETE'))).toEqual([])
  })

  test('a task that ends with warnings is done, and they are told', async () => {
    world.standIn.fault(faults.taskEnds('WARNINGS: 1'), { path: /\/clone$/ })
    const said = told(await clone('db'))
    expect(said).toContain('"status":"done"')
    expect(said).toContain('WARNINGS: 1')
  })

  test('a missing right names the privilege and the line that grants it', async () => {
    world.standIn.fault(faults.forbidden('/vms/102, VM.Clone'), { method: 'POST' })
    const said = told(await clone('db'))
    expect(said).toContain('VM.Clone')
    expect(said).toContain('pveum')
  })

  test('a request id that is repeated makes one clone', async () => {
    await clone('db', {}, { requestId: 'once' })
    await clone('db', {}, { requestId: 'once' })
    expect(done()).toEqual(['cloned 100'])
  })

  test('a request that was lost on its way is never told as done', async () => {
    world.standIn.fault(faults.reset('before'), { method: 'POST', times: 1 })
    expect(told(await clone('db'))).toMatch(/"status":"(failed|unknown)"/)
    expect(done()).toEqual([])
  })
})
