import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'

setDefaultTimeout(30_000)

const gib = 1024 ** 3
const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const volume = (volid: string, vmid: number, content: 'images' | 'backup') =>
  ({ volid, vmid, content, format: 'raw', size: gib, ctime: 1_795_000_000 }) as const
const store = { content: ['images', 'rootdir'], shared: false, size: 100 * gib, used: {} } as const
const storages = [
  {
    ...store,
    name: 'zfs',
    type: 'zfspool',
    used: { pve1: 50 * gib },
    volumes: {
      pve1: [volume('zfs:subvol-101-disk-0', 101, 'images')],
      pve2: [volume('zfs:base-201-disk-0', 201, 'images'), volume('zfs:base-201-disk-0/vm-202-disk-0', 202, 'images')],
    },
  },
  {
    ...store,
    name: 'nas',
    type: 'nfs',
    content: ['backup'],
    shared: true,
    volumes: { '*': [volume('nas:backup/vzdump-lxc-101-2026_11_19-02_00_00.tar.zst', 101, 'backup')] },
  },
]
const job = { schedule: '02:00', storage: 'nas', enabled: true, mode: 'snapshot', nextRun: 1_795_500_000 } as const
const backupJobs = [
  { ...job, id: 'nightly', vmid: '101,102' },
  { ...job, id: 'everything' },
]
const replication = [{ guest: 101, number: 0, source: 'pve1', target: 'pve3' }]
const config = {
  rootfs: 'zfs:subvol-101-disk-0,size=8G',
  mp0: '/srv/media,mp=/media',
  unused0: 'zfs:subvol-101-disk-1',
}
const snapshots = [{ name: 'before', snaptime: 1_795_000_000, description: '' }]
const guests = [
  { vmid: 101, node: 'pve1', name: 'old', config, snapshots },
  { vmid: 102, node: 'pve1', name: 'busy', status: 'running' },
  { vmid: 103, node: 'pve1', name: 'dear', config: { protection: 1 } },
  { vmid: 104, node: 'pve1', name: 'stuck', lock: 'backup' },
  { vmid: 105, node: 'pve1', name: 'kept', hastate: 'stopped' },
  { vmid: 106, node: 'pve1', name: 'asleep', kind: 'qemu', status: 'running', paused: true },
  { vmid: 200, node: 'pve2', kind: 'qemu', name: 'plain' },
  {
    vmid: 201,
    node: 'pve2',
    kind: 'qemu',
    name: 'tmpl',
    template: true,
    config: { scsi0: 'zfs:base-201-disk-0,size=8G' },
  },
  {
    vmid: 202,
    node: 'pve2',
    kind: 'qemu',
    name: 'clone',
    config: { scsi0: 'zfs:base-201-disk-0/vm-202-disk-0,size=8G' },
  },
] as const

let world: ClustersWorld
beforeEach(async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', nodes, guests, storages, backupJobs, replication }] })
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

const remove = (name: string, more = {}) => world.ask('proxmox_delete_guest', { guest: name }, more)

test('a plan shows what is lost, what stays and what else names the guest', async () => {
  const said = told(await remove('old', { dryRun: true }))
  expect(said).toContain(
    'delete old (lxc 101 on pve1 of home) with 2 disks (8G) and 1 snapshot for ever; left: 1 backup',
  )
  const lost = 'lost:\\n  rootfs zfs:subvol-101-disk-0 (8G)\\n  unused0 zfs:subvol-101-disk-1\\n  snapshot before'
  expect(said).toContain(lost)
  expect(said).toContain('stays:\\n  mp0 /srv/media\\n  1 backup on nas, the newest ')
  expect(said).toContain('taken out of:\\n  backup job nightly\\n  replication 101-0 to pve3')
  expect(said).not.toContain('not looked at')
  expect(done()).toEqual([])
})

test('a guest is deleted, and jobs no longer name it', async () => {
  const said = told(await remove('old'))
  expect(said).toContain('"status":"done"')
  expect(said).toContain('"deleted":true,"backups":1')
  expect(guest(101)).toBeUndefined()
  const { backupJobs: jobs, replication: left, storages: stores } = world.standIn.cluster('home').world
  expect(jobs.map(({ id, vmid }) => `${id}: ${vmid}`)).toEqual(['nightly: 102', 'everything: undefined'])
  expect(left).toEqual([])
  expect(stores.get('nas')?.volumes['*']).toHaveLength(1)
  expect(done()).toEqual(['destroyed 101'])
})

test('a template goes when no linked clone stands on it', async () => {
  expect(await refusal(remove('tmpl'))).toContain(
    'linked clones stand on its disks: 202 (zfs:base-201-disk-0/vm-202-disk-0); delete them first',
  )
  await remove('clone')
  expect(told(await remove('tmpl'))).toContain('"status":"done"')
  expect(done()).toEqual(['destroyed 202', 'destroyed 201'])
})

describe('nothing is done', () => {
  const wrong = [
    ['busy', 'invalid_input: cannot delete busy (102): it is running; shut it down first'],
    ['asleep', 'cannot delete asleep (106): it is paused'],
    ['dear', 'cannot delete dear (103): it is protected; proxmox_configure_guest takes that off'],
    ['stuck', 'busy: cannot delete stuck (104): it is locked (backup)'],
    ['kept', 'its HA manager keeps it; take it out of HA first: ha-manager remove ct:105'],
    ['999', 'not_found'],
  ] as const
  for (const [name, why] of wrong)
    test(`to ${name}`, async () => {
      expect(await refusal(remove(name))).toContain(why)
      expect(done()).toEqual([])
    })

  test('when its task fails', async () => {
    world.standIn.fault(faults.taskFails('zfs error: cannot destroy: dataset is busy'), { method: 'DELETE' })
    expect(told(await remove('plain'))).toContain('dataset is busy')
    expect(guest(200)).toBeDefined()
  })

  test('when the request was lost on its way', async () => {
    world.standIn.fault(faults.reset('before'), { method: 'DELETE', times: 1 })
    expect(told(await remove('plain'))).toMatch(/"status":"(failed|unknown)"/)
    expect(done()).toEqual([])
  })

  test('twice under one request id, though its answer was lost', async () => {
    world.standIn.fault(faults.reset('after'), { method: 'DELETE', times: 1 })
    expect(told(await remove('plain', { requestId: 'once' }))).toMatch(/"status":"(done|unknown)"/)
    await remove('plain', { requestId: 'once' })
    await world.clock.sleep(3000)
    expect(done()).toEqual(['destroyed 200'])
  })
})

test('what could not be looked at is said, and does not stop a deletion', async () => {
  world.standIn.fault(faults.forbidden('/, Sys.Audit'), { method: 'GET', path: '/cluster/backup' })
  expect(told(await remove('plain', { dryRun: true }))).toContain('not looked at:\\n  ')
})
