import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { type Facts, replay } from '../../src/core/fleet.ts'
import type { Guest } from '../../src/demo/guest.ts'
import { guestOf } from '../../src/demo/guest.ts'
import { type Random, seededRandom } from '../../src/demo/seeded.ts'
import type { World } from '../../src/demo/world.ts'
import { type FleetWorld, openFleetWorld } from '../support/fleet-world.ts'
import type { MovedClock } from '../support/moved-clock.ts'

setDefaultTimeout(300_000)

const isLong = process.env['TAILOPS_TEST_LONG'] === '1'
const guestsOfAll = isLong ? 5000 : 500
const clusterCount = 5
const eventCount = 1000
const nodeNames = ['pve1', 'pve2', 'pve3', 'pve4']

let world: FleetWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

const pick = <T>(random: Random, items: readonly T[]): T => {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new TypeError('nothing to pick from')
  return item
}

const words = ['web', 'db', 'cache', 'mail', 'build', 'dns', 'wiki']

function newGuest(random: Random, vmid: number, node: string): Guest {
  const kind = random() < 0.7 ? 'lxc' : 'qemu'
  const status = random() < 0.8 ? 'running' : 'stopped'
  const name = `${pick(random, words)}-${vmid}`
  const tags = random() < 0.5 ? pick(random, words) : undefined
  const addresses = [`10.${vmid >> 16}.${(vmid >> 8) & 255}.${vmid & 255}/8`]
  return guestOf({ vmid, node, kind, status, name, tags, addresses, cpus: 1 + Math.floor(random() * 4) })
}

/** What may happen to a cluster from one moment to the next; returns what it was. */
function happen(random: Random, pve: World, clock: MovedClock): string {
  const alive = pve.nodes().filter(({ state }) => state === 'online')
  const reached = pve.guests().filter(({ node }) => alive.some(({ name }) => name === node))
  const roll = random()
  if (roll < 0.04) {
    const node = pick(random, pve.nodes())
    // Two of four must live, or nobody answers as a cluster.
    if (node.state === 'online' && alive.length < 4) return 'nothing'
    // What a node has not told before it dies, nobody can know.
    clock.advance(11_000)
    pve.settle()
    pve.setNodeState(node.name, node.state === 'online' ? 'offline' : 'online')
    return 'node'
  }
  if (roll < 0.14 || reached.length === 0) {
    const vmid = 100 + Math.floor(random() * 900_000)
    pve.putGuest(newGuest(random, vmid, pick(random, alive).name))
    return 'create'
  }
  const guest = pick(random, reached)
  const { vmid } = guest
  if (roll < 0.24) pve.removeGuest(vmid)
  else if (roll < 0.44) pve.changeGuest(vmid, { node: pick(random, alive).name })
  else if (roll < 0.54) pve.changeGuest(vmid, { name: `${pick(random, words)}-new-${vmid}` })
  else if (roll < 0.64) pve.changeGuest(vmid, { tags: `${pick(random, words)}` })
  else if (roll < 0.7) pve.changeGuest(vmid, { lock: guest.lock === undefined ? 'backup' : undefined })
  else if (roll < 0.75) pve.changeGuest(vmid, { cpus: guest.cpus + 1 })
  else pve.changeGuest(vmid, { status: guest.status === 'running' ? 'stopped' : 'running', startedAt: pve.now() })
  return 'change'
}

/** The truth in the words of the fleet, from the simulated cluster itself. */
function truthOf(cluster: string, of: World) {
  const online = new Set(of.nodes().flatMap(({ name, state }) => (state === 'online' ? [name] : [])))
  return Object.fromEntries(
    of.guests().map((guest): [string, object] => [
      `pve:${cluster}/${guest.vmid}`,
      {
        kind: guest.kind,
        name: guest.name,
        node: guest.node,
        status: online.has(guest.node) ? guest.status : 'unknown',
        tags: guest.tags?.split(';'),
        lock: guest.lock,
        cpus: guest.cpus,
      },
    ]),
  )
}

const knownOf = ({ store }: FleetWorld, cluster: string) =>
  Object.fromEntries(
    store
      .resourcesOf(cluster)
      .filter(({ kind }) => kind === 'lxc' || kind === 'qemu')
      .map(({ id, kind, facts: { name, node, status, tags, lock, cpus } }): [string, object] => [
        id,
        { kind, name, node, status, tags, lock, cpus },
      ]),
  )

test(`${guestsOfAll} guests of ${clusterCount} clusters through ${eventCount} events: what is known is what is so`, async () => {
  const random = seededRandom(20_261_121)
  const clusters = Array.from({ length: clusterCount }, (_, index) => ({
    name: `c${index + 1}`,
    nodes: nodeNames.map((name) => ({ name })),
    guests: Array.from({ length: guestsOfAll / clusterCount }, (_, nth) =>
      newGuest(random, 100 + nth * 7, pick(random, nodeNames)),
    ),
  }))
  world = await openFleetWorld(clusters, { inspects: false })
  const { standIn, watch, clock, store } = world
  const states: { readonly seq: number; readonly facts: ReadonlyMap<string, Facts> }[] = []
  const remember = () => {
    const facts = new Map(store.resources().map((resource) => [resource.id, resource.facts]))
    states.push({ seq: store.newest, facts })
  }
  for (let done = 0; done <= eventCount; done += 10) {
    clock.advance(11_000)
    const looks = await watch.now()
    expect(looks.flatMap(({ error }) => error ?? [])).toEqual([])
    for (const { name, world: pve } of standIn.clusters) expect(knownOf(world, name)).toEqual(truthOf(name, pve))
    if (done % 200 === 0) remember()
    for (let event = 0; event < 10; event++) happen(random, pick(random, standIn.clusters).world, clock)
    await standIn.settled()
  }
  clock.advance(11_000)
  await watch.now()
  remember()
  const end = states.at(-1)?.facts ?? new Map()
  for (const { seq, facts } of states) {
    const replayed = store.changesSince(seq, 1_000_000).reduce<ReadonlyMap<string, Facts>>(replay, facts)
    expect(Object.fromEntries(replayed)).toEqual(Object.fromEntries(end))
  }
  expect(standIn.violations).toEqual([])
})
