import { writeFileSync } from 'node:fs'
import { methods } from '../src/demo/api.ts'
import { type Guest, guestOf } from '../src/demo/guest.ts'
import type { Storage } from '../src/demo/parts.ts'
import { seededRandom } from '../src/demo/seeded.ts'
import { type ServedCluster, serveCluster } from '../src/demo/serve.ts'
import { World } from '../src/demo/world.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import { fullToken, plainAccess } from '../tests/support/pve/stand-in.ts'
import { makePlace, type Place } from './servers.ts'

/** Simulated Proxmox VE clusters on loopback that count what they are asked, and a place for a tailops that watches them. */
export interface FleetBed {
  readonly worlds: readonly World[]
  /** API of each node, by cluster. */
  readonly urls: ReadonlyMap<string, readonly string[]>
  readonly place: Place
  /** Requests so far. */
  count(): number
  /** Calls back on each list of resources that a cluster is asked for; undefined: nobody. */
  onList(heard: ((world: World) => void) | undefined): void
  /** Lets the clusters hear at once of what happened: their own news are ten seconds old otherwise. */
  hearNow(): void
  stop(): Promise<void>
}

/** What the clusters are made of, each of them. */
export interface FleetSize {
  readonly clusters: number
  readonly guests: number
  readonly nodes: number
  /** Seconds between two looks of the tailops there. */
  readonly interval?: number
}

export async function openFleetBed(size: FleetSize): Promise<FleetBed> {
  let requests = 0
  let aheadMs = 0
  let listed: ((world: World) => void) | undefined
  const clock: Clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + aheadMs) }
  const worlds = Array.from({ length: size.clusters }, (_, at) => worldOf(`c${at + 1}`, size, clock))
  const served: ServedCluster[] = []
  for (const world of worlds) {
    const interfere = ({ path }: { readonly path: string }): undefined => {
      requests++
      if (path.startsWith('/cluster/resources')) listed?.(world)
    }
    served.push(await serveCluster({ world, methods }, { interfere }))
  }
  const urls = new Map(worlds.map(({ name }, at) => [name, [...(served[at]?.urls.values() ?? [])]]))
  const place = makePlace()
  writeFileSync(place.env['TAILOPS_CONFIG'] ?? '', targetsOf(urls, size.interval))
  return {
    worlds,
    urls,
    place,
    count: () => requests,
    onList(heard) {
      listed = heard
    },
    hearNow() {
      aheadMs += 10_001
    },
    async stop() {
      place.remove()
      for (const one of served) await one.stop()
    },
  }
}

const words = ['web', 'db', 'cache', 'mail', 'build', 'dns', 'wiki', 'git', 'vpn', 'media']

function worldOf(name: string, { guests, nodes }: FleetSize, clock: Clock): World {
  const random = seededRandom(20_261_121)
  const nodeNames = Array.from({ length: nodes }, (_, at) => `${name}-pve${at + 1}`)
  return new World({
    name,
    clock,
    access: plainAccess(),
    nodes: nodeNames.map((node) => ({ name: node })),
    guests: Array.from({ length: guests }, (_, at) => guestAt(at, nodeNames[at % nodes] ?? '', random)),
    storages: [storage('local', 'dir', false), storage('backups', 'nfs', true)],
  })
}

function guestAt(at: number, node: string, random: () => number): Guest {
  const vmid = 100 + at
  return guestOf({
    vmid,
    node,
    kind: random() < 0.7 ? 'lxc' : 'qemu',
    status: random() < 0.8 ? 'running' : 'stopped',
    name: `${words[at % words.length]}-${vmid}`,
    tags: random() < 0.5 ? words[Math.floor(random() * words.length)] : undefined,
    addresses: [`10.20.${at >> 8}.${at & 255}/16`],
    cpus: 1 + Math.floor(random() * 4),
    load: random() / 4,
    config: { onboot: 1 },
  })
}

const storage = (name: string, type: string, shared: boolean): Storage => ({
  name,
  type,
  content: ['backup', 'rootdir', 'images'],
  shared,
  size: 2 * 1024 ** 4,
  used: shared ? { '*': 1024 ** 4 } : {},
  volumes: {},
})

const targetsOf = (urls: FleetBed['urls'], interval: number | undefined): string =>
  [
    'version: "1.0"',
    'targets:',
    ...[...urls].map(
      ([name, apis]) =>
        `  ${name}: { executor: proxmox, connection: { api_url: [${apis.join(', ')}], token_id: "${fullToken.id}", token_secret: "${fullToken.secret}" }, capabilities: [proxmox:read], discovery: { ${interval === undefined ? '' : `interval: ${interval}, health_interval: 86400`} } }`,
    ),
    '',
  ].join('\n')

/** Resolves when the clusters have not been asked for anything for two seconds, at most a minute from now. */
export async function untilQuiet({ count }: FleetBed): Promise<void> {
  let [before, quiet] = [-1, 0]
  for (let waited = 0; waited < 120 && quiet < 4; waited++) {
    quiet = count() === before ? quiet + 1 : 0
    before = count()
    await systemClock.sleep(500)
  }
}
