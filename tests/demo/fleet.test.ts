import { expect, test } from 'bun:test'
import { demoClusters } from '../../src/demo/fleet.ts'
import { seededRandom } from '../../src/demo/seeded.ts'
import { movedClock } from '../support/moved-clock.ts'

const open = (seed = 5) => demoClusters(movedClock(new Date('2026-11-21T12:00:00Z')), seededRandom(seed))

test('the demo has two clusters of three nodes and some sixty guests of both kinds', () => {
  const worlds = open().map(({ world }) => world)
  expect(worlds.map(({ name }) => name)).toEqual(['home', 'office'])
  expect(worlds.map((world) => world.nodes().length)).toEqual([3, 3])
  const guests = worlds.flatMap((world) => world.guests())
  expect(guests.length).toBe(60)
  expect(new Set(guests.map(({ kind }) => kind)).size).toBe(2)
})

test('no number is given twice in one cluster, and every guest is on a node and in a pool that there is', () => {
  for (const { world } of open()) {
    const guests = world.guests()
    expect(new Set(guests.map(({ vmid }) => vmid)).size).toBe(guests.length)
    expect(guests.filter(({ node }) => world.node(node) === undefined)).toEqual([])
    expect(guests.filter(({ pool }) => pool !== undefined && !world.pools.has(pool))).toEqual([])
  }
})

test('the troubles that it promises are there', () => {
  const [home, office] = open().map(({ world }) => world)
  if (home === undefined || office === undefined) throw new Error('two clusters')
  expect(
    office
      .nodes()
      .filter(({ state }) => state === 'offline')
      .map(({ name }) => name),
  ).toEqual(['riga'])
  expect(office.isQuorate()).toBe(true)
  expect(home.guest(109)).toMatchObject({ status: 'stopped', config: { onboot: 1 } })
  expect(home.guest(203)?.lock).toBe('backup')
  expect(home.guest(207)?.agentAnswers).toBe(false)
  expect((home.storages.get('nas')?.used['*'] ?? 0) / (home.storages.get('nas')?.size ?? 1)).toBeGreaterThan(0.9)
  expect(home.tasks.list().map(({ exitstatus }) => exitstatus)).toContain('job errors')
  expect(home.node('alder')?.upgrades.length).toBeGreaterThan(0)
  expect((home.node('cedar')?.certificateEndsAt ?? 0) - home.now()).toBeLessThan(14 * 86_400_000)
})

test('the same seed and time make the same fleet', () => {
  const shape = (seed: number) =>
    open(seed).map(({ world, tokenSecret }) => [tokenSecret, world.guests(), world.nodes()])
  expect(shape(5)).toEqual(shape(5))
  expect(shape(6)).not.toEqual(shape(5))
})
