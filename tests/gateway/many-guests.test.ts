import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import type { Call } from '../../src/gateway/request.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'

setDefaultTimeout(60_000)

const web = (vmid: number, more = {}) =>
  ({
    vmid,
    node: vmid % 2 === 0 ? 'pve1' : 'pve2',
    name: `web-${vmid}`,
    tags: 'web',
    status: 'running',
    ...more,
  }) as const
const guests = [
  ...[101, 102, 103, 104, 105].map((vmid) => web(vmid)),
  web(190, { template: true, status: 'stopped', name: 'tmpl-web' }),
  { vmid: 200, node: 'pve1', kind: 'qemu', name: 'db', tags: 'db', status: 'running', pool: 'shop' },
] as const

let world: ClustersWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

async function open(): Promise<ClustersWorld> {
  world = await openClustersWorld({ clusters: [{ name: 'home', guests, pools: [{ name: 'shop' }] }] })
  return world
}

async function restart(opened: ClustersWorld, guest: string, more: Partial<Call> = {}): Promise<ChangeResult> {
  const result = await opened.ask('proxmox_manage_guest', { guest, action: 'reboot' }, more)
  if (result.kind !== 'change') throw new TypeError('a change was expected')
  return result
}

const happened = ({ standIn }: ClustersWorld) =>
  standIn.effects().flatMap(({ effect, vmid }) => (effect === 'accepted' ? [] : [`${effect} ${vmid}`]))

const accepted = ({ standIn }: ClustersWorld) => standIn.effects().filter(({ effect }) => effect === 'accepted').length

test.each([
  ['tag:web', [101, 102, 103, 104, 105]],
  ['web-*', [101, 102, 103, 104, 105]],
  ['web-102, db', [102, 200]],
  ['pool:shop', [200]],
  ['web-101,101,web-101', [101]],
])('%s: each guest that it names is changed once, templates are not', async (named, vmids) => {
  const opened = await open()
  const result = await restart(opened, named)
  expect(result.status).toBe('done')
  expect(result.targets.map(({ target }) => target)).toEqual(vmids.map((vmid) => `home/${vmid}`))
  expect(happened(opened).sort()).toEqual(vmids.map((vmid) => `rebooted ${vmid}`))
  expect(opened.standIn.violations).toEqual([])
})

test('one at a time, and none after the first that fails', async () => {
  const opened = await open()
  opened.standIn.fault(faults.taskFails('no'), { method: 'POST', path: /\/103\/status\/reboot$/ })
  const result = await restart(opened, 'tag:web')
  expect(result.status).toBe('partial')
  expect(result.targets.map(({ status }) => status)).toEqual(['done', 'done', 'failed', 'cancelled', 'cancelled'])
  expect(happened(opened).filter((effect) => effect.startsWith('rebooted'))).toEqual(['rebooted 101', 'rebooted 102'])
  expect(accepted(opened)).toBe(3)
})

test('two at a time, with one failure to spare', async () => {
  const opened = await open()
  opened.standIn.fault(faults.taskFails('no'), { method: 'POST', path: /\/101\/status\/reboot$/ })
  const result = await restart(opened, 'tag:web', { batch: { size: 2, max_failures: 2 } })
  expect(result.targets.map(({ status }) => status)).toEqual(['failed', 'done', 'done', 'done', 'done'])
})

test('one guest that cannot be changed stops the plan: nothing is done to any', async () => {
  const opened = await open()
  opened.standIn.cluster('home').world.changeGuest(104, { lock: 'backup' })
  await expect(restart(opened, 'tag:web')).rejects.toMatchObject({
    code: 'busy',
    message: expect.stringContaining('home/104: cannot reboot web-104 (104): it is locked (backup)'),
  })
  expect(accepted(opened)).toBe(0)
})

test('what fits no guest names the way to find one', async () => {
  const opened = await open()
  await expect(restart(opened, 'tag:wbe')).rejects.toMatchObject({ code: 'unknown_target' })
  await expect(restart(opened, 'web-101,nosuch')).rejects.toMatchObject({ code: 'not_found' })
})

test('the list of the cluster is read once for all of them', async () => {
  const opened = await open()
  await restart(opened, 'tag:web', { dryRun: true })
  const lists = opened.standIn.requests.filter((request) => request.includes('/cluster/resources'))
  expect(lists).toHaveLength(2)
})

test('a repeated request_id gives the first one’s end, also when a guest has joined the group since', async () => {
  const opened = await open()
  const first = await restart(opened, 'tag:web', { requestId: 'all' })
  opened.standIn.cluster('home').world.changeGuest(200, { tags: 'web' })
  const again = await restart(opened, 'tag:web', { requestId: 'all' })
  expect(again.call).toBe(first.call)
  expect(accepted(opened)).toBe(5)
})

test('with snapshot_first each guest has a way back of its own', async () => {
  const opened = await open()
  opened.standIn.fault(faults.taskFails('no'), { method: 'POST', path: /\/102\/status\/reboot$/ })
  const result = await restart(opened, 'web-101,web-102', { snapshotFirst: true, batch: { size: 2, max_failures: 2 } })
  expect(result.targets.map(({ status }) => status)).toEqual(['done', 'failed'])
  expect(happened(opened).sort()).toEqual([
    'failed: no 102',
    'rebooted 101',
    'rolled back to tailops_1 102',
    'snapshot tailops_1 taken 101',
    'snapshot tailops_1 taken 102',
  ])
})
