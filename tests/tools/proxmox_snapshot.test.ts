import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { Call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { change } from '../support/pve/change.ts'
import { type Fault, faults, type Where } from '../support/pve/faults.ts'

setDefaultTimeout(30_000)

const gib = 1024 ** 3
const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const old = { name: 'before', snaptime: 1_760_000_000, description: 'before the upgrade\n' } as const
const newer = { name: 'after', snaptime: 1_760_100_000, description: '', parent: 'before' } as const
const storage = { content: ['images', 'rootdir'], shared: false, size: 100 * gib, used: {}, volumes: {} } as const
const storages = [
  { ...storage, name: 'thin', type: 'lvmthin' },
  { ...storage, name: 'tank', type: 'zfspool' },
  { ...storage, name: 'plain', type: 'lvm' },
] as const
const guests = [
  { vmid: 101, node: 'pve1', name: 'web', status: 'running', config: { rootfs: 'thin:vm-101-disk-0,size=8G' } },
  {
    vmid: 102,
    node: 'pve1',
    name: 'db',
    status: 'running',
    config: { rootfs: 'thin:vm-102-disk-0,size=8G', mp0: 'thin:vm-102-disk-1,mp=/data,size=8G' },
    snapshots: [
      {
        ...old,
        holds: {
          name: 'db',
          cpus: 1,
          memory: gib,
          diskSize: gib,
          usedDisk: 0,
          config: { rootfs: 'thin:vm-102-disk-0,size=8G' },
        },
      },
      newer,
    ],
  },
  {
    vmid: 103,
    node: 'pve1',
    name: 'files',
    config: { rootfs: 'tank:subvol-103-disk-0,size=8G' },
    snapshots: [old, newer],
  },
  { vmid: 104, node: 'pve1', name: 'raw', config: { rootfs: 'plain:vm-104-disk-0,size=8G' } },
  { vmid: 105, node: 'pve1', name: 'stuck', lock: 'backup', snapshots: [old] },
  {
    vmid: 200,
    node: 'pve2',
    kind: 'qemu',
    name: 'app',
    status: 'running',
    config: { scsi0: 'thin:vm-200-disk-0,size=8G' },
  },
  { vmid: 201, node: 'pve2', kind: 'qemu', name: 'tmpl', template: true },
  { vmid: 202, node: 'pve2', kind: 'qemu', name: 'off', snapshots: [{ ...old, vmstate: true }] },
] as const

let world: ClustersWorld
beforeEach(async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', nodes, guests, storages }], limitsEndAfterMs: 1500 })
})
afterEach(async () => {
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

const snapshot = (
  guest: string,
  action: string,
  name: string,
  more: Record<string, unknown> = {},
  call: Partial<Call> = {},
) => world.ask('proxmox_snapshot', { guest, action, name, ...more }, call)

const done = (): readonly string[] =>
  world.standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

const told = (result: CallResult): string => JSON.stringify(result)
const guest = (vmid: number) => world.standIn.cluster('home').world.guest(vmid)

describe('a snapshot', () => {
  test('is taken, with its description', async () => {
    const said = told(await snapshot('web', 'create', 'pre-2', { description: 'before 2.0' }))
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"snapshot":"pre-2"')
    expect(guest(101)?.snapshots).toMatchObject([{ name: 'pre-2', description: 'before 2.0\n' }])
    expect(done()).toEqual(['snapshot pre-2 taken 101'])
  })

  test('of a VM may hold its memory', async () => {
    await snapshot('app', 'create', 'live', { vmstate: true })
    expect(guest(200)?.snapshots).toMatchObject([{ name: 'live', vmstate: true }])
  })

  test('is deleted, and those that stood on it stand on what it stood on', async () => {
    expect(told(await snapshot('db', 'delete', 'before'))).toContain('"status":"done"')
    expect(guest(102)?.snapshots.map(({ name, parent }) => [name, parent])).toEqual([['after', undefined]])
    expect(done()).toEqual(['snapshot before deleted 102'])
  })

  test('is gone back to: the guest is stopped, its configuration is that of then', async () => {
    const said = told(await snapshot('db', 'rollback', 'before'))
    expect(said).toContain('"status":"stopped"')
    expect(guest(102)).toMatchObject({ status: 'stopped', cpus: 1, standsOn: 'before' })
    expect(done()).toEqual(['rolled back to before 102'])
  })

  test('is gone back to and the guest started', async () => {
    expect(told(await snapshot('db', 'rollback', 'before', { start: true }))).toContain('"status":"running"')
    expect(guest(102)?.status).toBe('running')
  })

  test('with memory lets a VM run on', async () => {
    expect(told(await snapshot('off', 'rollback', 'before'))).toContain('"status":"running"')
    expect(guest(202)?.status).toBe('running')
  })
})

test('the plan of a rollback says what is lost', async () => {
  const said = told(await snapshot('db', 'rollback', 'before', {}, { dryRun: true }))
  expect(said).toContain('back to snapshot before of 2025-10-09 08:53 UTC: all since is lost')
  expect(said).toContain('it is stopped for it, and stays so')
  expect(said).toContain('newer snapshots stay: after')
  expect(said).toContain('mp0 was added since: it becomes an unused disk')
  expect(said).toContain('mp0: thin:vm-102-disk-1,mp=/data,size=8G → absent')
  expect(done()).toEqual([])
})

describe('nothing is done, and why is said', () => {
  const cases: readonly (readonly [
    guest: string,
    action: string,
    name: string,
    more: Record<string, unknown>,
    says: string,
  ])[] = [
    ['web', 'create', 'with space', {}, 'a snapshot has a name of 2 to 40 letters'],
    ['web', 'create', '1st', {}, 'invalid_input'],
    ['web', 'create', 'x'.repeat(41), {}, 'invalid_input'],
    ['web', 'create', 'current', {}, 'is a name that Proxmox keeps for itself'],
    ['db', 'create', 'before', {}, 'db (102) has a snapshot before already; take another name'],
    ['web', 'create', 'pre', { vmstate: true }, 'it is a container; leave out vmstate'],
    ['off', 'create', 'pre', { vmstate: true }, 'it is stopped'],
    ['raw', 'create', 'pre', {}, 'proxmox_backup'],
    ['tmpl', 'create', 'pre', {}, 'it is a template'],
    ['stuck', 'rollback', 'before', {}, 'busy: cannot roll back stuck (105): it is locked (backup)'],
    ['db', 'delete', 'befor', {}, 'not_found: db (102) has no snapshot "befor"; did you mean before?'],
    ['web', 'rollback', 'before', {}, 'it has none'],
    [
      'files',
      'rollback',
      'before',
      {},
      'rootfs is on ZFS (tank), which only goes back to the newest snapshot; delete the newer ones first (after)',
    ],
    ['db', 'delete', 'before', { start: true }, 'start goes with rollback'],
    ['db', 'delete', 'before', { description: 'x' }, 'description and vmstate go with create'],
    ['web', 'create', 'pre', { memory: true }, 'no argument "memory"'],
    ['wbe', 'create', 'pre', {}, 'did you mean web'],
  ]
  test.each(cases.map((row) => [...row] as const))('%s %s %s %o', async (name, action, snap, more, says) => {
    expect(await refusal(snapshot(name, action, snap, more))).toContain(says)
    expect(done()).toEqual([])
  })

  test('without quorum', async () => {
    change.nodeOff(world.standIn.cluster('home').world, 'pve2')
    change.nodeOff(world.standIn.cluster('home').world, 'pve3')
    await world.standIn.settled()
    expect(await refusal(snapshot('web', 'create', 'pre'))).toContain('no quorum')
  })
})

const ends: readonly (readonly [what: string, fault: Fault, where: Where, end: RegExp])[] = [
  ['a task that fails', faults.taskFails('lvcreate failed'), {}, /"status":"failed".*lvcreate failed/],
  ['a reply that is lost', faults.reset('after'), { method: 'POST', times: 1 }, /"status":"(done|unknown|running)"/],
  ['a write that is lost', faults.reset('before'), { method: 'POST', times: 1 }, /"status":"(failed|unknown|running)"/],
  ['a task that ends with warnings', faults.taskEnds('WARNINGS: 1'), {}, /"status":"done".*WARNINGS: 1/],
  ['a refusal', faults.forbidden('/vms/101, VM.Snapshot'), { method: 'POST' }, /"status":"failed".*VM.Snapshot/],
]
test.each(ends.map((row) => [...row] as const))(
  '%s is told as what it is, and repeated it has one effect',
  async (...row) => {
    const [what, fault, where, end] = row
    world.standIn.fault(fault, where)
    const first = told(await snapshot('web', 'create', 'pre', {}, { requestId: 'once' }))
    expect(first).toMatch(end)
    await world.gateway.jobs.idle()
    await snapshot('web', 'create', 'pre', {}, { requestId: 'once' })
    await world.clock.sleep(3000)
    const happened = done().filter((effect) => !effect.startsWith('failed'))
    expect(happened).toEqual(
      /lost|warnings/.test(what) && !what.startsWith('a write') ? ['snapshot pre taken 101'] : [],
    )
  },
)
