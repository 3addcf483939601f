import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { Guest } from '../../src/demo/guest.ts'
import { guestOf } from '../../src/demo/guest.ts'
import type { Call } from '../../src/gateway/call.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { change } from '../support/pve/change.ts'
import { type Fault, faults, type Where } from '../support/pve/faults.ts'

setDefaultTimeout(30_000)

const gib = 1024 ** 3
const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const config = {
  rootfs: 'thin:vm-101-disk-0,size=8G',
  net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC,ip=192.0.2.101/24,type=veth',
}
const web = { vmid: 101, node: 'pve1', name: 'web', status: 'running', cpus: 3, config } as const
const app = {
  vmid: 200,
  node: 'pve2',
  kind: 'qemu',
  name: 'app',
  config: { scsi0: 'thin:vm-200-disk-0,size=8G' },
} as const
const guests = [
  { ...web, cpus: 8 },
  { vmid: 102, node: 'pve1', name: 'db', snapshots: [{ name: 'pre', snaptime: 1_760_000_000, description: '' }] },
  { vmid: 103, node: 'pve1', name: 'safe', config: { protection: 1 } },
  { vmid: 104, node: 'pve1', name: 'stuck', lock: 'backup' },
  app,
] as const
const ofWeb = 'nas:backup/vzdump-lxc-101-2026_11_20-02_30_00.tar.zst'
const ofApp = 'nas:backup/vzdump-qemu-200-2026_11_20-02_30_00.vma.zst'
const archive = (volid: string, holds: Guest) => ({
  volid,
  content: 'backup' as const,
  format: 'tar.zst',
  size: 2 * gib,
  ctime: Date.UTC(2026, 10, 20, 2, 30) / 1000,
  vmid: holds.vmid,
  holds,
})
const storage = { shared: false, size: 100 * gib, used: {}, volumes: {} }
const volumes = { '*': [archive(ofWeb, guestOf(web)), archive(ofApp, guestOf(app))] }
const storages = [
  { ...storage, name: 'nas', type: 'nfs', content: ['backup'], shared: true, volumes },
  { ...storage, name: 'thin', type: 'lvmthin', content: ['images', 'rootdir'] },
  { ...storage, name: 'tank', type: 'zfspool', content: ['images', 'rootdir'] },
  { ...storage, name: 'small', type: 'dir', content: ['images', 'rootdir'], size: gib },
]

let world: ClustersWorld
beforeEach(async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', nodes, guests, storages }], limitsEndAfterMs: 1500 })
})
afterEach(async () => {
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

const restore = (volid: string, more: Record<string, unknown> = {}, call: Partial<Call> = {}) =>
  world.ask('proxmox_restore', { archive: volid, ...more }, call)

const done = (): readonly string[] =>
  world.standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

const told = (result: CallResult): string => JSON.stringify(result)
const pve = () => world.standIn.cluster('home').world

describe('a backup is restored', () => {
  test('as a new guest with the next free number, beside the one that it is of', async () => {
    const said = told(await restore(ofWeb))
    expect(said).toContain('"status":"done"')
    expect(said).toContain('"vmid":100')
    expect(said).toContain('its fixed address 192.0.2.101/24 is that of web (101) too')
    expect(pve().guest(100)).toMatchObject({ name: 'web', cpus: 3, status: 'stopped', node: 'pve1' })
    expect(pve().guest(100)?.config['net0']).not.toContain('AA:BB:CC')
    expect(pve().guest(101)).toMatchObject({ cpus: 8, status: 'running' })
    expect(done()).toEqual(['restored 100'])
  })

  test('to a number, a node and a storage of choice, and started', async () => {
    const said = told(await restore(ofWeb, { vmid: 150, node: 'pve3', storage: 'tank', start: true }))
    expect(said).toContain('"status":"running"')
    expect(pve().guest(150)).toMatchObject({ node: 'pve3', status: 'running' })
    expect(pve().guest(150)?.config['rootfs']).toBe('tank:vm-150-disk-0,size=8G')
    expect(done()).toEqual(['restored 150', 'started 150'])
  })

  test('of a VM, on the node of the one that it is of', async () => {
    expect(told(await restore(ofApp))).toContain('"node":"pve2"')
    expect(pve().guest(100)).toMatchObject({ kind: 'qemu', name: 'app', node: 'pve2' })
  })

  test('over a stopped guest when that is asked for; the plan says what is lost', async () => {
    const over = { vmid: 102, overwrite: true, storage: 'thin' }
    const plan = told(await restore(ofWeb, over, { dryRun: true }))
    expect(plan).toContain('over db (102)')
    expect(plan).toContain('its disks, snapshots and all since are lost')
    expect(plan).toContain('lost: snapshots pre')
    expect(done()).toEqual([])
    expect(told(await restore(ofWeb, over))).toContain('"status":"done"')
    expect(pve().guest(102)).toMatchObject({ name: 'web', cpus: 3, snapshots: [] })
    expect(done()).toEqual(['restored over db 102'])
  })
})

test('while the node of the guest that it is of is down, a backup is restored on another one', async () => {
  change.nodeOff(pve(), 'pve1')
  await world.standIn.settled()
  expect(told(await restore(ofWeb))).toContain('"node":"pve2"')
  expect(done()).toEqual(['restored 100'])
})

describe('nothing is done, and why is said', () => {
  const cases: readonly (readonly [volid: string, more: Record<string, unknown>, says: string])[] = [
    ['debian-13.iso', {}, 'is no backup of a guest'],
    ['local:iso/debian-13.iso', {}, 'is no backup of a guest'],
    [ofWeb.replace('nas', 'nsa'), {}, 'did you mean nas? backups are on nas'],
    [ofWeb.replace('_20-', '_21-'), {}, `did you mean ${ofWeb}?`],
    [ofWeb, { vmid: 102 }, 'vmid 102 is taken by db on pve1'],
    [ofWeb, { overwrite: true }, 'overwrite needs the vmid'],
    [ofWeb, { overwrite: true, vmid: 101 }, 'cannot restore over web (101): it is running; shut it down first'],
    [ofWeb, { overwrite: true, vmid: 103 }, 'safe (103): it is protected'],
    [ofWeb, { overwrite: true, vmid: 104 }, 'busy: cannot restore over stuck (104): it is locked (backup)'],
    [ofWeb, { overwrite: true, vmid: 200 }, 'the backup is of a container'],
    [ofWeb, { overwrite: true, vmid: 999 }, 'not_found: no guest "999"'],
    [ofWeb, { overwrite: true, vmid: 102, node: 'pve2' }, 'db (102) is on pve1, not on pve2'],
    [ofWeb, { storage: 'nas' }, 'storage nas takes no containers'],
    [ofWeb, { storage: 'thn' }, 'did you mean thin?'],
    [ofWeb, { storage: 'small' }, 'storage small has 1 GiB free on pve1: too little for 2 GiB'],
    [ofWeb, { node: 'pve9' }, 'no node "pve9"'],
    [ofWeb, { vmid: 5 }, 'vmid'],
    [ofWeb, { force: true }, 'no argument "force"'],
  ]
  test.each(cases.map((row) => [...row] as const))('%s %o', async (volid, more, says) => {
    expect(await refusal(restore(volid, more))).toContain(says)
    expect(done()).toEqual([])
  })

  test('without quorum', async () => {
    change.nodeOff(pve(), 'pve2')
    change.nodeOff(pve(), 'pve3')
    await world.standIn.settled()
    expect(await refusal(restore(ofWeb))).toContain('no quorum')
  })
})

test('a number that somebody takes in the last moment is not overwritten', async () => {
  world.standIn.fault(faults.serverError("CT 100 already exists on node 'pve2'"), { method: 'POST', times: 1 })
  expect(told(await restore(ofWeb))).toMatch(/"status":"failed".*already exists/)
  expect(done()).toEqual([])
})

const ends: readonly (readonly [what: string, fault: Fault, where: Where, end: RegExp, made: number])[] = [
  ['a task that fails', faults.taskFails('archive is damaged'), {}, /"status":"failed".*archive is damaged/, 0],
  ['a reply that is lost', faults.reset('after'), { method: 'POST', times: 1 }, /"status":"(done|unknown|running)"/, 1],
  [
    'a write that is lost',
    faults.reset('before'),
    { method: 'POST', times: 1 },
    /"status":"(failed|unknown|running)"/,
    0,
  ],
  ['a task that ends with warnings', faults.taskEnds('WARNINGS: 1'), {}, /"status":"done".*WARNINGS: 1/, 1],
]
test.each(ends.map((row) => [...row] as const))(
  '%s is told as what it is, and repeated it has one effect',
  async (...row) => {
    const [, fault, where, end, made] = row
    world.standIn.fault(fault, where)
    expect(told(await restore(ofWeb, {}, { requestId: 'once' }))).toMatch(end)
    await world.gateway.jobs.idle()
    await restore(ofWeb, {}, { requestId: 'once' })
    await world.clock.sleep(30_000)
    expect(done().filter((effect) => effect.startsWith('restored'))).toHaveLength(made)
    expect(pve().guests()).toHaveLength(guests.length + made)
  },
)
