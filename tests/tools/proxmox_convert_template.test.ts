import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'

setDefaultTimeout(30_000)

const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const store = { content: ['images', 'rootdir'], shared: false, size: 100, used: {}, volumes: {} } as const
const storages = [
  { ...store, name: 'zfs', type: 'zfspool' },
  { ...store, name: 'local', type: 'dir' },
]
const snapshots = [{ name: 'before', snaptime: 1_795_000_000, description: '' }]
const guests = [
  { vmid: 101, node: 'pve1', name: 'golden', config: { rootfs: 'zfs:subvol-101-disk-0,size=8G' } },
  { vmid: 102, node: 'pve1', name: 'busy', status: 'running' },
  { vmid: 103, node: 'pve1', name: 'snapped', snapshots },
  { vmid: 104, node: 'pve1', name: 'in-folder', config: { rootfs: 'local:104/vm-104-disk-0.raw,size=8G' } },
  { vmid: 105, node: 'pve1', name: 'kept', hastate: 'stopped' },
  { vmid: 200, node: 'pve2', kind: 'qemu', name: 'base', config: { scsi0: 'zfs:vm-200-disk-0,size=32G' } },
  { vmid: 201, node: 'pve2', kind: 'qemu', name: 'tmpl', template: true },
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

const convert = (name: string, more = {}) => world.ask('proxmox_convert_template', { guest: name }, more)

describe('a guest becomes a template', () => {
  test('a container, whose task the API does not name: it is waited for', async () => {
    const said = told(await convert('golden'))
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"template":true')
    expect(guest(101)).toMatchObject({ template: true, config: { rootfs: 'zfs:basevol-101-disk-0,size=8G' } })
    expect(done()).toEqual(['made a template 101'])
  })

  test('a VM', async () => {
    expect(told(await convert('base'))).toContain('"status":"done"')
    expect(guest(200)?.config['scsi0']).toBe('zfs:base-200-disk-0,size=32G')
  })

  test('a plan says that there is no way back', async () => {
    expect(told(await convert('base', { dryRun: true }))).toContain('it never starts again, and there is no way back')
    expect(done()).toEqual([])
  })
})

describe('nothing is done', () => {
  const wrong = [
    ['busy', 'it is running; shut it down first'],
    ['snapped', 'it has snapshots: before; delete them first'],
    ['in-folder', 'lies in a directory (dir); move it to block storage or ZFS first'],
    ['kept', 'its HA manager would start it; take it out of HA first: ha-manager remove ct:105'],
  ] as const
  for (const [name, why] of wrong)
    test(`to ${name}`, async () => {
      expect(await refusal(convert(name))).toContain(why)
      expect(done()).toEqual([])
    })

  test('to one that is a template already', async () => {
    expect(told(await convert('tmpl'))).toContain('is a template already')
    expect(done()).toEqual([])
  })

  test('when its task fails, of which a container says nothing', async () => {
    world.standIn.fault(faults.taskFails('zfs error: dataset is busy'), { method: 'POST' })
    for (const name of ['golden', 'base']) expect(told(await convert(name))).toContain('dataset is busy')
    expect([guest(101)?.template, guest(200)?.template]).toEqual([undefined, undefined])
  })

  test('twice under one request id, and not on a request that was lost', async () => {
    await convert('base', { requestId: 'once' })
    await convert('base', { requestId: 'once' })
    world.standIn.fault(faults.reset('before'), { method: 'POST', times: 1 })
    expect(told(await convert('golden'))).toMatch(/"status":"(failed|unknown)"/)
    expect(done()).toEqual(['made a template 200'])
  })
})
