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
const volid = (vmid: number, day: number) => `nas:backup/vzdump-lxc-${vmid}-2026_11_${day}-02_30_00.tar.zst`
const backup = (vmid: number, day: number, more: object = {}) => ({
  volid: volid(vmid, day),
  content: 'backup' as const,
  format: 'tar.zst',
  size: 2 * gib,
  ctime: Date.UTC(2026, 10, day, 2, 30) / 1000,
  vmid,
  ...more,
})
const volumes = {
  '*': [backup(101, 10, { protected: true }), backup(101, 11), backup(101, 12), backup(101, 13), backup(102, 12)],
}
const nas = {
  name: 'nas',
  type: 'nfs',
  content: ['backup'],
  shared: true,
  size: 100 * gib,
  used: { '*': 50 * gib },
  volumes,
}
const thin = {
  name: 'thin',
  type: 'lvmthin',
  content: ['images', 'rootdir'],
  shared: false,
  size: 100 * gib,
  used: {},
  volumes: {},
}
const full = { ...nas, name: 'full', used: { '*': 100 * gib }, volumes: {} }
const guests = [
  { vmid: 101, node: 'pve1', name: 'web', status: 'running' },
  { vmid: 102, node: 'pve1', name: 'db' },
  { vmid: 103, node: 'pve1', name: 'stuck', lock: 'snapshot' },
  { vmid: 104, node: 'pve2', kind: 'qemu', name: 'kept', status: 'running', hastate: 'started' },
] as const

let world: ClustersWorld
const open = async (storages: readonly (typeof nas | typeof thin)[]) => {
  world = await openClustersWorld({ clusters: [{ name: 'home', nodes, guests, storages }], limitsEndAfterMs: 1500 })
}
beforeEach(() => open([nas, thin]))
afterEach(async () => {
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

const backUp = (guest: string, more: Record<string, unknown> = {}, call: Partial<Call> = {}) =>
  world.ask('proxmox_backup', { guest, ...more }, call)

const done = (): readonly string[] =>
  world.standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

const told = (result: CallResult): string => JSON.stringify(result)
const held = (vmid: number) =>
  world.standIn
    .cluster('home')
    .world.storages.get('nas')
    ?.volumes['*']?.filter((one) => one.vmid === vmid) ?? []

describe('a backup', () => {
  test('is made on the only storage that takes one; its volid is told, and nothing is removed', async () => {
    const said = told(await backUp('web', { notes: 'before 2.0' }))
    const [newest] = held(101).toSorted((a, b) => b.ctime - a.ctime)
    expect(said).toContain('"status":"done"')
    expect(said).toContain(`"backup":"${newest?.volid}"`)
    expect(newest?.notes).toBe('before 2.0')
    expect(held(101)).toHaveLength(5)
    expect(done()).toEqual([`backed up to ${newest?.volid} 101`])
  })

  test('may be of a stopped guest, which has its name as notes', async () => {
    await backUp('db')
    expect(held(102).at(-1)?.notes).toBe('db')
  })

  test.each([
    [1, [11, 12, 13]],
    [2, [11, 12]],
    [3, [11]],
    [4, []],
  ])('with keep_last %i removes what its plan names, never a protected one', async (keep, days) => {
    const plan = told(await backUp('web', { keep_last: keep }, { dryRun: true }))
    for (const day of [10, 11, 12, 13]) expect(plan.includes(volid(101, day))).toBe(days.includes(day))
    const said = told(await backUp('web', { keep_last: keep }))
    expect(said).toContain('"status":"done"')
    if (days.length > 0) expect(said).toContain(`"removed":${days.length}`)
    const left = held(101).map((one) => one.volid)
    for (const day of [10, 11, 12, 13]) expect(left.includes(volid(101, day))).toBe(!days.includes(day))
    expect(left).toHaveLength(5 - days.length)
  })

  test('in mode stop says so beforehand', async () => {
    expect(told(await backUp('web', { mode: 'stop' }, { dryRun: true }))).toContain('shut down and started again')
    expect(done()).toEqual([])
  })
})

describe('nothing is done, and why is said', () => {
  const cases: readonly (readonly [guest: string, more: Record<string, unknown>, says: string])[] = [
    ['stuck', {}, 'busy: cannot back up stuck (103): it is locked (snapshot)'],
    [
      'web',
      { storage: 'thin' },
      'invalid_input: storage thin takes no backups; for backups on pve1: nas (50 GiB free)',
    ],
    ['web', { storage: 'nsa' }, 'did you mean nas?'],
    ['kept', { mode: 'stop' }, 'the HA manager keeps it'],
    ['web', { keep_last: 0 }, 'keep_last'],
    ['web', { keeplast: 3 }, 'did you mean keep_last?'],
  ]
  test.each(cases.map((row) => [...row] as const))('%s %o', async (guest, more, says) => {
    expect(await refusal(backUp(guest, more))).toContain(says)
    expect(done()).toEqual([])
  })

  test('where two storages fit, or none, or one is full', async () => {
    await world.stop()
    await open([nas, full])
    expect(await refusal(backUp('web'))).toContain('which storage shall the backup go to?')
    expect(await refusal(backUp('web', { storage: 'full' }))).toContain('storage full has 0 GiB free')
    await world.stop()
    await open([thin])
    expect(await refusal(backUp('web'))).toContain('switch content backup on')
    expect(done()).toEqual([])
  })

  test('when there is less room than the last backup took', async () => {
    await world.stop()
    await open([{ ...nas, used: { '*': 99 * gib } }])
    expect(await refusal(backUp('web'))).toContain(
      'has 1 GiB free: too little for a backup of web (101) (the last one took 2 GiB)',
    )
  })

  test('without quorum', async () => {
    change.nodeOff(world.standIn.cluster('home').world, 'pve2')
    change.nodeOff(world.standIn.cluster('home').world, 'pve3')
    await world.standIn.settled()
    expect(await refusal(backUp('web'))).toContain('no quorum')
  })
})

test('a backup that fails in its task says why, not only that its job had errors', async () => {
  const { access } = world.standIn.cluster('home').world
  const to = 'root@pam!tailops'
  access.tokens = access.tokens.map((token) => ({ ...token, privsep: true }))
  access.acls = [
    { path: '/', to, role: 'PVEAuditor' },
    { path: '/storage', to, role: 'PVEDatastoreAdmin' },
  ]
  expect(told(await backUp('web'))).toMatch(/"status":"failed".*Backup of VM 101 failed - .*VM.Backup/)
  expect(held(101)).toHaveLength(4)
})

const ends: readonly (readonly [what: string, fault: Fault, where: Where, end: RegExp, made: number])[] = [
  ['a reply that is lost', faults.reset('after'), { method: 'POST', times: 1 }, /"status":"(done|unknown|running)"/, 1],
  [
    'a write that is lost',
    faults.reset('before'),
    { method: 'POST', times: 1 },
    /"status":"(failed|unknown|running)"/,
    0,
  ],
  ['a task that ends with warnings', faults.taskEnds('WARNINGS: 1'), {}, /"status":"done".*WARNINGS: 1/, 1],
  [
    'a refusal',
    faults.forbidden('/storage/nas, Datastore.AllocateSpace'),
    { method: 'POST' },
    /"status":"failed".*AllocateSpace/,
    0,
  ],
]
test.each(ends.map((row) => [...row] as const))(
  '%s is told as what it is, and repeated it has one effect',
  async (...row) => {
    const [, fault, where, end, made] = row
    world.standIn.fault(fault, where)
    expect(told(await backUp('web', {}, { requestId: 'once' }))).toMatch(end)
    await world.gateway.jobs.idle()
    await backUp('web', {}, { requestId: 'once' })
    await world.clock.sleep(30_000)
    expect(done().filter((effect) => effect.startsWith('backed up'))).toHaveLength(made)
    expect(held(101)).toHaveLength(4 + made)
  },
)
