import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'

setDefaultTimeout(30_000)

const gib = 1024 ** 3
const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const store = { content: ['images', 'rootdir'], size: 100 * gib, used: {}, volumes: {} } as const
const storages = [
  { ...store, name: 'ceph', type: 'rbd', shared: true },
  { ...store, name: 'thin', type: 'lvmthin', shared: false, used: { pve2: 90 * gib } },
  { ...store, name: 'fast', type: 'zfspool', shared: false, nodes: ['pve1'] },
  { ...store, name: 'local', type: 'dir', shared: false, content: ['iso'] },
]
const guests = [
  { vmid: 101, node: 'pve1', name: 'web', status: 'running', config: { rootfs: 'ceph:vm-101-disk-0,size=8G' } },
  { vmid: 102, node: 'pve1', name: 'calm', config: { rootfs: 'thin:vm-102-disk-0,size=8G' }, diskSize: 8 * gib },
  { vmid: 103, node: 'pve1', name: 'bound', config: { mp0: '/srv/media,mp=/media' } },
  { vmid: 104, node: 'pve1', name: 'everywhere', config: { mp0: '/srv/media,mp=/media,shared=1' } },
  { vmid: 105, node: 'pve1', name: 'kept', status: 'running', hastate: 'started' },
  { vmid: 106, node: 'pve1', name: 'stuck', lock: 'backup' },
  {
    vmid: 200,
    node: 'pve1',
    kind: 'qemu',
    name: 'app',
    status: 'running',
    config: { scsi0: 'ceph:vm-200-disk-0,size=32G' },
  },
  {
    vmid: 201,
    node: 'pve1',
    kind: 'qemu',
    name: 'big',
    status: 'running',
    config: { scsi0: 'thin:vm-201-disk-0,size=20G' },
  },
  { vmid: 202, node: 'pve1', kind: 'qemu', name: 'gpu', config: { hostpci0: '0000:01:00.0' } },
  { vmid: 203, node: 'pve1', kind: 'qemu', name: 'cd', config: { ide2: 'local:iso/debian.iso,media=cdrom' } },
  {
    vmid: 204,
    node: 'pve1',
    kind: 'qemu',
    name: 'only',
    config: { scsi0: 'fast:vm-204-disk-0,size=4G' },
    diskSize: 4 * gib,
  },
  { vmid: 205, node: 'pve1', kind: 'qemu', name: 'wired', config: { net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr7' } },
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

const migrate = (name: string, node: string, more: Record<string, unknown> = {}, call = {}) =>
  world.ask('proxmox_migrate_guest', { guest: name, node, ...more }, call)

describe('a guest is on another node', () => {
  test('a running container is shut down and started there, which the plan says', async () => {
    const dry = told(await migrate('web', 'pve2', {}, { dryRun: true }))
    expect(dry).toContain('migrate web (lxc 101 of home) from pve1 to pve2: it is shut down, and started there')
    expect(dry).toContain('restart=true')
    const said = told(await migrate('web', 'pve2'))
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"node":"pve2","status":"running"')
    expect(guest(101)).toMatchObject({ node: 'pve2', status: 'running' })
    expect(done()).toEqual(['migrated to pve2 101'])
  })

  test('a running VM goes on running', async () => {
    const before = guest(200)?.startedAt
    expect(told(await migrate('app', 'node:home/pve3'))).toContain('from pve1 to pve3: it goes on running')
    expect(guest(200)).toMatchObject({ node: 'pve3', startedAt: before })
  })

  test('with its local disks, which are copied', async () => {
    const said = told(await migrate('big', 'pve3', {}, { dryRun: true }))
    expect(said).toContain('it goes on running; copied: scsi0')
    expect(said).toContain('copied over the network: scsi0 thin:vm-201-disk-0 (20G)')
    expect(said).toMatch(/pve3 uses 3\d\.\d % of 64 GiB of memory/)
    expect(told(await migrate('big', 'pve3'))).toContain('"status":"done"')
  })

  test('with its local disks on another storage there', async () => {
    expect(told(await migrate('only', 'pve3', { storage: 'thin' }))).toContain('targetstorage=fast:thin')
    expect(guest(204)).toMatchObject({ node: 'pve3', config: { scsi0: 'thin:vm-204-disk-0,size=4G' } })
    expect(world.standIn.cluster('home').world.storages.get('thin')?.used['pve3']).toBe(4 * gib)
  })

  test('a stopped one, and one whose mount is everywhere', async () => {
    expect(told(await migrate('calm', 'pve3'))).toContain('it is stopped; copied: rootfs')
    expect(told(await migrate('everywhere', 'pve3'))).toContain('"status":"done"')
    expect(done()).toEqual(['migrated to pve3 102', 'migrated to pve3 104'])
  })

  test('by its HA manager, which takes its time and is waited for', async () => {
    const said = told(await migrate('kept', 'pve2'))
    expect(said).toContain('its HA manager carries it out')
    expect(said).toContain('"status":"done"')
    expect(guest(105)?.node).toBe('pve2')
    expect(done()).toEqual(['asked of HA 105', 'migrated to pve2 105'])
  })
})

describe('nothing is done', () => {
  const wrong = [
    ['web', 'pve9', 'not_found: no node "pve9" in this cluster; its nodes: pve1, pve2, pve3'],
    ['bound', 'pve2', 'it has mounts of its node: mp0 /srv/media; take them off it first'],
    ['gpu', 'pve2', 'it uses devices of pve1: hostpci0; take them off it first'],
    ['cd', 'pve2', 'an image of pve1 is in its drive: local:iso/debian.iso; take it out first'],
    ['only', 'pve3', 'pve3 has no storage fast, where scsi0 lies; say storage'],
    ['big', 'pve2', 'storage thin has 10 GiB left there, and 20 are needed'],
    ['wired', 'pve2', 'that node has no bridge vmbr7; it has vmbr0'],
    ['stuck', 'pve2', 'busy: cannot migrate stuck (106): it is locked (backup)'],
  ] as const
  for (const [name, node, why] of wrong)
    test(`to ${name} for ${node}`, async () => {
      expect(await refusal(migrate(name, node))).toContain(why)
      expect(done()).toEqual([])
    })

  test('to one that is there, or would take a storage that is not or holds no disks', async () => {
    expect(told(await migrate('web', 'pve1'))).toContain('is on pve1 already')
    expect(await refusal(migrate('only', 'pve3', { storage: 'thinn' }))).toContain('did you mean thin?')
    expect(await refusal(migrate('only', 'pve3', { storage: 'local' }))).toContain(
      'storage local takes no images there',
    )
    expect(done()).toEqual([])
  })

  test('by its HA manager to another storage, which it cannot say', async () => {
    expect(await refusal(migrate('kept', 'pve2', { storage: 'ceph' }))).toContain('names no other storage')
    expect(done()).toEqual([])
  })

  test('for a node that is off', async () => {
    world.standIn.cluster('home').world.setNodeState('pve2', 'offline')
    await world.standIn.settled()
    expect(await refusal(migrate('web', 'pve2'))).toContain('unreachable: node pve2 is offline')
    expect(done()).toEqual([])
  })

  test('when its task fails: it stays where it was', async () => {
    world.standIn.fault(faults.taskFails('migration aborted'), { method: 'POST' })
    expect(told(await migrate('app', 'pve2'))).toContain('migration aborted')
    expect(guest(200)?.node).toBe('pve1')
  })

  test('twice under one request id; and a lost request is not told as done', async () => {
    await migrate('app', 'pve2', {}, { requestId: 'once' })
    await migrate('app', 'pve2', {}, { requestId: 'once' })
    world.standIn.fault(faults.reset('before'), { method: 'POST', times: 1 })
    expect(told(await migrate('web', 'pve2'))).toMatch(/"status":"(failed|unknown)"/)
    expect(done()).toEqual(['migrated to pve2 200'])
  })
})
