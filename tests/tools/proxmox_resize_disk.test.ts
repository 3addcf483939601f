import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { Call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'

setDefaultTimeout(30_000)

const gib = 1024 ** 3
const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const store = { content: ['images', 'rootdir'], shared: false, volumes: {} } as const
const storages = [
  { ...store, name: 'thin', type: 'lvmthin', size: 100 * gib, used: { pve1: 40 * gib, pve2: 40 * gib } },
  { ...store, name: 'off', type: 'lvmthin', size: 100 * gib, used: {}, inactive: true },
]
const guests = [
  {
    vmid: 101,
    node: 'pve1',
    name: 'web01',
    status: 'running',
    config: { rootfs: 'thin:vm-101-disk-0,size=8G', mp0: '/srv,mp=/srv' },
  },
  { vmid: 102, node: 'pve1', name: 'lost', config: { rootfs: 'off:vm-102-disk-0,size=8G' } },
  {
    vmid: 200,
    node: 'pve2',
    kind: 'qemu',
    name: 'app',
    config: { scsi0: 'thin:vm-200-disk-0,size=32G', ide2: 'local:iso/debian.iso,media=cdrom,size=700M' },
  },
  {
    vmid: 201,
    node: 'pve2',
    kind: 'qemu',
    name: 'tmpl',
    template: true,
    config: { scsi0: 'thin:base-201-disk-0,size=8G' },
  },
] as const

let world: ClustersWorld
beforeEach(async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', nodes, guests, storages }] })
})
afterEach(async () => {
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

const guest = (vmid: number) => world.standIn.cluster('home').world.guest(vmid)

/** What was done, by the account of the stand-in. */
const done = (): readonly string[] =>
  world.standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

const told = (result: CallResult): string => JSON.stringify(result)

const resize = (name: string, disk: string, size: string, call: Partial<Call> = {}) =>
  world.ask('proxmox_resize_disk', { guest: name, disk, size }, call)

describe('a disk grows', () => {
  test('of a container, by some', async () => {
    const said = told(await resize('web01', 'rootfs', '+10G'))
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"disk":"rootfs","size":"18G"')
    expect(guest(101)?.config['rootfs']).toBe('thin:vm-101-disk-0,size=18G')
    expect(done()).toEqual(['resized 101'])
  })

  test('of a VM, to a size in all; what is left to do inside is said', async () => {
    const said = told(await resize('app', 'scsi0', '33.5G'))
    expect(said).toContain('"size":"34304M"')
    expect(said).toContain('inside the VM the partition')
    expect(done()).toEqual(['resized 200'])
  })

  test('a plan says that there is no way back, and what room is left', async () => {
    const said = told(await resize('web01', 'rootfs', '+10G', { dryRun: true }))
    expect(said).toContain('from 8G to 18G; it cannot be made smaller again')
    expect(said).toContain('thin has 60 GiB left, 50 after it is filled')
    expect(done()).toEqual([])
  })
})

describe('nothing is done', () => {
  test('where it has that size', async () => {
    expect(told(await resize('web01', 'rootfs', '8192M'))).toContain('has 8G already')
    expect(done()).toEqual([])
  })

  const wrong = [
    ['web01', 'rootfs', '4G', 'rootfs has 8G: it cannot be made smaller; say a larger size, or +4G to add to it'],
    ['web01', 'rootfs', '10', '"10" is no size'],
    ['web01', 'rootfs', '-1G', '"-1G" is no size'],
    ['web01', 'rootfs', '+100G', 'storage thin has 60 GiB left, and 100 are asked for'],
    ['web01', 'scsi0', '+1G', 'cannot resize "scsi0" of web01 (101): it has none; its disks: rootfs'],
    ['web01', 'mp0', '+1G', '/srv is no disk that grows'],
    ['app', 'ide2', '+1G', 'is no disk that grows; its disks: scsi0'],
    ['lost', 'rootfs', '+1G', 'storage off is not active on pve1'],
    ['tmpl', 'scsi0', '+1G', 'it is a template; clone it, and grow the disk of the clone'],
    ['nobody', 'scsi0', '+1G', 'no guest "nobody" on home'],
  ] as const
  for (const [name, disk, size, why] of wrong)
    test(`to ${disk} of ${name} by ${size}`, async () => {
      expect(await refusal(resize(name, disk, size))).toContain(why)
      expect(done()).toEqual([])
    })

  test('when its task fails', async () => {
    world.standIn.fault(faults.taskFails('command lvextend failed: exit code 5'), { method: 'PUT' })
    const said = told(await resize('web01', 'rootfs', '+1G'))
    expect(said).toContain('"status":"failed"')
    expect(said).toContain('lvextend failed')
    expect(guest(101)?.config['rootfs']).toContain('size=8G')
  })

  test('twice under one request id; and a lost answer is looked for', async () => {
    world.standIn.fault(faults.reset('after'), { method: 'PUT', times: 1 })
    const first = told(await resize('web01', 'rootfs', '+1G', { requestId: 'once' }))
    expect(first).toMatch(/"status":"(done|unknown)"/)
    await resize('web01', 'rootfs', '+1G', { requestId: 'once' })
    await world.clock.sleep(3000)
    expect(done()).toEqual(['resized 101'])
  })
})
