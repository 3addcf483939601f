import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import type { Policy, Rule } from '../../src/core/policy.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'

setDefaultTimeout(60_000)

const guests = [
  { vmid: 101, node: 'pve1', name: 'web-1', tags: 'web', status: 'running' },
  { vmid: 102, node: 'pve1', name: 'web-2', tags: 'web', status: 'running' },
  { vmid: 200, node: 'pve1', kind: 'qemu', name: 'db', tags: 'db;prod', status: 'running', pool: 'shop' },
] as const

let world: ClustersWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

const everything: Rule = { id: 'all', effect: 'allow' }
const sparing: Rule = { id: 'spare', effect: 'deny', tools: ['proxmox_*_guest'], when: { guests: ['db'] } }

async function open(...rules: readonly Rule[]): Promise<ClustersWorld> {
  const policy: Policy = { rules }
  world = await openClustersWorld({ clusters: [{ name: 'home', guests, pools: [{ name: 'shop' }] }], policy })
  return world
}

async function reboot({ ask }: ClustersWorld, guest: string): Promise<string> {
  const result = await ask('proxmox_manage_guest', { guest, action: 'reboot' }).catch(
    (error: { readonly code: string }) => error.code,
  )
  if (typeof result === 'string') return result
  return result.kind === 'change' ? result.status : result.kind
}

const rebooted = ({ standIn }: ClustersWorld) =>
  standIn.effects().flatMap(({ effect, vmid }) => (effect === 'rebooted' ? [vmid] : []))

test.each(['db', '200', 'pve:home/200', 'tag:db', 'pool:shop', 'd*', 'web-1,db', 'db,db'])(
  'a rule against a guest holds for every way to name it: %s',
  async (named) => {
    const opened = await open(everything, sparing)
    expect(await reboot(opened, named)).toBe('denied')
    expect(rebooted(opened)).toEqual([])
  },
)

test('the others are as free as before, and the log names the rule', async () => {
  const opened = await open(everything, sparing)
  expect(await reboot(opened, 'tag:web')).toBe('done')
  expect(rebooted(opened).sort()).toEqual([101, 102])
  await reboot(opened, '200')
  const [last] = opened.state.audit.tail({ limit: 1 })
  expect(last).toMatchObject({ result: 'denied', decision: 'deny:spare' })
})

test('a rule that allows some guests allows no others', async () => {
  const opened = await open({
    id: 'web',
    effect: 'allow',
    tools: ['proxmox_manage_guest'],
    when: { guests: ['tag:web'] },
  })
  expect(await reboot(opened, '101')).toBe('done')
  expect(await reboot(opened, 'db')).toBe('denied')
  expect(await reboot(opened, 'web-1,db')).toBe('denied')
  expect(rebooted(opened)).toEqual([101])
})

test('one guest of many that needs approval has the whole change approved', async () => {
  const opened = await open(everything, { ...sparing, effect: 'approve', when: { guests: ['tag:web'] } })
  expect(await reboot(opened, 'web-1,db')).toBe('approval_required')
  expect(await reboot(opened, 'db')).toBe('done')
})

test('the snapshot that comes first is decided by the guest, too', async () => {
  const opened = await open(everything, { ...sparing, tools: ['proxmox_snapshot'] })
  const change = { guest: 'db', cores: 2 }
  await expect(opened.ask('proxmox_configure_guest', change, { snapshotFirst: true })).rejects.toMatchObject({
    code: 'denied',
  })
})

test('what reads is refused as well, where the guest is not to be seen', async () => {
  const opened = await open(everything, { ...sparing, tools: ['proxmox_guest_info', 'proxmox_list_tasks'] })
  await expect(opened.ask('proxmox_guest_info', { guest: '200' })).rejects.toMatchObject({ code: 'denied' })
  await expect(opened.ask('proxmox_list_tasks', {})).rejects.toMatchObject({ code: 'denied' })
  expect(await opened.ask('proxmox_guest_info', { guest: '101' })).toMatchObject({ kind: 'query' })
})
