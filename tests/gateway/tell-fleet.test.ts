import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import type { ChangeResult } from '../../src/gateway/result.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'

setDefaultTimeout(30_000)

const guests = [
  { vmid: 101, node: 'pve1', name: 'web1', status: 'running' },
  { vmid: 102, node: 'pve1', name: 'db1', status: 'running' },
] as const

let world: ClustersWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

const statusOf = (vmid: number) => world?.state.fleet.find(`pve:home/${vmid}`)?.facts['status']
const changesOf = (vmid: number) =>
  (world?.state.fleet.changesSince(0, 500) ?? []).filter(
    ({ id, what }) => id === `pve:home/${vmid}` && what === 'changed',
  )

async function stop(opened: ClustersWorld): Promise<ChangeResult> {
  const result = await opened.ask('proxmox_manage_guest', { guest: '101', action: 'stop' })
  if (result.kind !== 'change') throw new TypeError('a change was expected')
  return result
}

test('what a call changed is known when it answers, although the list of the cluster is ten seconds old', async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', guests }] })
  await world.watch.now()
  expect(statusOf(101)).toBe('running')
  const { call, status } = await stop(world)
  expect(status).toBe('done')
  expect(statusOf(101)).toBe('stopped')
  const [change, ...more] = changesOf(101)
  expect(more).toEqual([])
  expect(change?.fields['status']).toEqual(['running', 'stopped'])
  expect(change?.cause).toBe(`proxmox_manage_guest by token:alice, call ${call}`)
})

test('looks in the seconds after it do not take it back', async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', guests }] })
  await world.watch.now()
  await stop(world)
  for (const _ of [1, 2, 3]) await world.watch.now()
  expect(statusOf(101)).toBe('stopped')
  expect(changesOf(101)).toHaveLength(1)
})

test('what somebody else changed is not said to be ours', async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', guests }] })
  await world.watch.now()
  world.standIn.cluster('home').world.changeGuest(102, { name: 'db-of-others' })
  await stop(world)
  await world.watch.now()
  expect(changesOf(102).map(({ cause }) => cause)).toEqual([undefined])
})

test('what is seen while a change runs has that change as its cause, not an earlier one', async () => {
  world = await openClustersWorld({ clusters: [{ name: 'home', guests }] })
  await world.watch.now()
  await stop(world)
  const before = world.state.fleet.newest
  const start = world.ask('proxmox_manage_guest', { guest: '101', action: 'start' })
  await world.watch.now()
  const result = await start
  await world.watch.now()
  const seen = world.state.fleet.changesSince(before, 100).filter(({ id }) => id === 'pve:home/101')
  expect(new Set(seen.map(({ cause }) => cause))).toEqual(
    new Set([`proxmox_manage_guest by token:alice, call ${result.call}`]),
  )
})
