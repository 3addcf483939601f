import { afterEach, describe, expect, test } from 'bun:test'
import type { Resource } from '../../src/core/fleet.ts'
import { type FleetWorld, openFleetWorld } from '../support/fleet-world.ts'
import { faults } from '../support/pve/faults.ts'

let world: FleetWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

const three = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }]
const web = {
  vmid: 101,
  node: 'pve1',
  name: 'web',
  status: 'running',
  addresses: ['192.0.2.7/24'],
  tags: 'prod;web',
} as const
const db = { vmid: 102, node: 'pve2', name: 'db', kind: 'qemu', status: 'stopped' } as const

async function open() {
  world = await openFleetWorld([{ name: 'home', nodes: three, guests: [web, db] }])
  const { standIn, store, watch, clock } = world
  const pve = standIn.cluster('home').world
  const guest = (vmid: number): Resource | undefined => store.find(`pve:home/${vmid}`)
  /** The numbers of a cluster are ten seconds old at most. */
  const look = async () => {
    clock.advance(11_000)
    const [seen] = await watch.now()
    return seen
  }
  return { ...world, pve, guest, look }
}

describe('discovery of a cluster', () => {
  test('finds nodes, guests with their addresses, and says so once', async () => {
    const { store, guest, look } = await open()
    await look()
    expect(store.resources().map(({ id }) => id)).toEqual([
      'cluster:home',
      'node:home/pve1',
      'node:home/pve2',
      'node:home/pve3',
      'pve:home/101',
      'pve:home/102',
    ])
    expect(guest(101)?.facts).toMatchObject({
      name: 'web',
      node: 'pve1',
      status: 'running',
      tags: ['prod', 'web'],
      addresses: ['192.0.2.7'],
    })
    expect(store.sources()).toMatchObject([{ source: 'home', health: 'up', complete: true, gaps: [] }])
    expect((await look())?.changes).toEqual([])
  })

  test('follows a guest that moves, is renamed, stops, disappears and returns, under one id', async () => {
    const { pve, look } = await open()
    await look()
    pve.changeGuest(101, { node: 'pve3', name: 'web-new' })
    expect((await look())?.changes).toMatchObject([
      { id: 'pve:home/101', what: 'changed', fields: { name: ['web', 'web-new'], node: ['pve1', 'pve3'] } },
    ])
    const before = pve.guest(101)
    pve.removeGuest(101)
    expect((await look())?.changes).toMatchObject([{ id: 'pve:home/101', what: 'deleted' }])
    if (before !== undefined) pve.putGuest({ ...before, status: 'stopped' })
    expect((await look())?.changes).toMatchObject([{ id: 'pve:home/101', what: 'created' }])
  })

  test('knows guests of a dead node as unknown at once, and keeps their names when the cluster has forgotten them', async () => {
    const { pve, look, guest, clock, standIn } = await open()
    await look()
    pve.setNodeState('pve1', 'offline')
    await standIn.settled()
    await look()
    expect(guest(101)?.facts).toMatchObject({ name: 'web', status: 'unknown' })
    clock.advance(400_000)
    expect((await look())?.changes).toEqual([])
    expect(guest(101)?.facts).toMatchObject({ name: 'web', status: 'unknown', addresses: ['192.0.2.7'] })
    expect(guest(101)?.use).toEqual({})
    pve.setNodeState('pve1', 'online')
    await standIn.settled()
    await look()
    expect(guest(101)?.facts).toMatchObject({ name: 'web', status: 'running' })
  })

  test('does not take what a token no longer sees for deleted', async () => {
    const { look, guest, pve, store } = await open()
    await look()
    const [token] = pve.access.tokens
    if (token !== undefined) pve.access.tokens = [{ ...token, privsep: true }]
    expect((await look())?.changes.map(({ what }) => what)).not.toContain('deleted')
    expect(guest(101)?.facts).toMatchObject({ name: 'web', status: 'unknown' })
    expect(store.sources()).toMatchObject([{ health: 'degraded' }])
    expect(store.sources()[0]?.gaps.join()).toContain('PVEAuditor')
    pve.access.tokens = token === undefined ? [] : [token]
    await look()
    expect(guest(101)?.facts).toMatchObject({ name: 'web', status: 'running' })
    expect(store.sources()).toMatchObject([{ health: 'up' }])
  })

  test('of which one look failed is degraded, of which two failed unreachable, and one that works brings it back', async () => {
    const { look, store, standIn } = await open()
    await look()
    const back = standIn.fault(faults.reset('before'))
    const health = async () => {
      await look()
      return store.sources()[0]?.health
    }
    expect([await health(), await health()]).toEqual(['degraded', 'unreachable'])
    expect(store.find('cluster:home')?.facts).toMatchObject({ health: 'unreachable' })
    expect(store.find('pve:home/101')?.facts).toMatchObject({ status: 'running' })
    back()
    expect(await health()).toBe('up')
  })

  test('asks the official API for nothing that it does not have', async () => {
    const { look, standIn } = await open()
    await look()
    expect(standIn.requests.length).toBeGreaterThan(3)
    expect(standIn.violations).toEqual([])
  })
})
