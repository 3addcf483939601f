import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import type { ProxmoxConnection } from '../src/core/connection.ts'
import { get, type Outcome } from '../src/core/operation.ts'
import { openProxmox } from '../src/executors/proxmox.ts'
import { clusterSource } from '../src/fleet/cluster-source.ts'
import { inParallel } from '../src/fleet/in-parallel.ts'
import { lookAt } from '../src/fleet/look.ts'
import { systemClock } from '../src/lib/clock.ts'
import { logger } from '../src/lib/log.ts'
import { randomId } from '../src/lib/random-id.ts'
import { Secret } from '../src/lib/secret.ts'
import { openState } from '../src/state/open.ts'
import { quietDiscovery } from '../tests/support/fleet-world.ts'
import { fullToken } from '../tests/support/pve/stand-in.ts'
import { quantile, shown, table } from './figures.ts'
import { type FleetBed, openFleetBed, untilQuiet } from './fleet-bed.ts'
import { startPeer } from './peers.ts'
import { startHttp, textOf } from './servers.ts'
import { timed } from './timing.ts'

/** Requests and time of looks at 1,000 guests, against asking each guest by itself and against a peer. */
export async function discovery(): Promise<string> {
  const bed = await openFleetBed({ clusters: 5, guests: 200, nodes: 4 })
  try {
    return [await looks(bed), await memory(bed), await peerListing(bed)].join('\n\n')
  } finally {
    await bed.stop()
  }
}

interface Cost {
  readonly what: string
  readonly requests: number
  readonly ms: number
}

async function looks(bed: FleetBed): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-bench-fleet-'))
  const log = logger('warn', console.error, systemClock.now)
  const state = openState({
    dir,
    now: systemClock.now,
    newId: randomId,
    process: { id: 'bench', isAlive: () => true },
    log,
  })
  const clusters = [...bed.urls].map(([name, urls]) => {
    const executor = openProxmox(name, connectionTo(urls), systemClock)
    const limits = { signal: new AbortController().signal, timeoutMs: 40_000, maxOutputBytes: 64 * 2 ** 20 }
    const read = (path: string): Promise<Outcome> => executor.perform(get(path), limits)
    const source = clusterSource(
      name,
      { discovery: quietDiscovery },
      { store: state.fleet, now: systemClock.now, read },
    )
    return { name, executor, read, source }
  })
  const costOf = async (
    what: string,
    work: (cluster: (typeof clusters)[number]) => Promise<unknown>,
  ): Promise<Cost> => {
    const before = bed.count()
    const ms = await timed(() => Promise.all(clusters.map(work)))
    return { what, requests: bed.count() - before, ms }
  }
  const lookOnce = async ({ source }: (typeof clusters)[number]): Promise<void> => {
    const { error } = await lookAt(source, state.fleet, systemClock.now)
    if (error !== undefined) throw error
  }
  try {
    const first = await costOf('first look, with the address of every running guest', lookOnce)
    const steady: Cost[] = []
    for (let round = 0; round < 9; round++) steady.push(await costOf('steady look', lookOnce))
    const inspect = await costOf(
      'inspection for triage, every 15 minutes',
      ({ source }) => source.inspect?.run(systemClock.now()) ?? Promise.resolve(),
    )
    const news = await costOf('asking for news, every minute', ({ source }) => source.hint?.ask() ?? Promise.resolve())
    const each: Cost[] = []
    for (let round = 0; round < 3; round++)
      each.push(await costOf('one call per guest, as simpler tools do', ({ read }) => askEach(read)))
    const medianOf = (costs: readonly Cost[]): Cost => ({
      ...(costs[0] ?? first),
      ms: quantile(
        costs.map(({ ms }) => ms),
        0.5,
      ),
    })
    const simple = medianOf(each)
    const row = ({ what, requests, ms }: Cost) => [
      what,
      (requests / simple.requests).toFixed(3),
      (ms / simple.ms).toFixed(3),
      requests,
      shown(ms),
    ]
    return [
      `${bed.worlds.length} simulated clusters with ${guestsOf(bed)} guests: requests that arrived there, and time until the state is kept, against asking for the lists of each node and then each guest by itself with the same executor, eight at a time in each cluster. Clusters and tailops share one process here.`,
      table(
        ['What', 'ratio of requests', 'ratio of time', 'requests', 'ms'],
        [first, medianOf(steady), inspect, news, simple].map(row),
      ),
    ].join('\n\n')
  } finally {
    await Promise.all(clusters.map(({ executor }) => executor.close()))
    state.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

const guestsOf = ({ worlds }: FleetBed): number => worlds.reduce((sum, world) => sum + world.guests().length, 0)

const connectionTo = (apiUrls: readonly string[]): ProxmoxConnection => ({
  kind: 'proxmox',
  apiUrls,
  nodes: {},
  prefixes: [],
  tokenId: fullToken.id,
  tokenSecret: new Secret(fullToken.secret),
  tls: { verify: true },
  defaults: {},
  discovery: quietDiscovery,
})

/** Nodes, their guests, then every guest's own status. */
async function askEach(read: (path: string) => Promise<Outcome>): Promise<void> {
  const nodes = await listOf(read, '/nodes')
  for (const { node } of nodes)
    for (const kind of ['lxc', 'qemu']) {
      const guests = await listOf(read, `/nodes/${node}/${kind}`)
      await inParallel(guests, ({ vmid }) => read(`/nodes/${node}/${kind}/${vmid}/status/current`))
    }
}

async function listOf(read: (path: string) => Promise<Outcome>, path: string) {
  const { ok, output, errorOutput } = await read(path)
  if (!ok) throw new Error(`${path}: ${errorOutput}`)
  const { data }: { readonly data: readonly { readonly node?: string; readonly vmid?: number }[] } = JSON.parse(output)
  return data
}

/** Of the binary, after it has seen everything. */
async function memory(bed: FleetBed): Promise<string> {
  const tailops = await startHttp('tailops', bed.place, 'admin')
  try {
    const idle = tailops.residentMib()
    await untilQuiet(bed)
    return `Resident memory of the binary: ${shown(idle)} MiB when it begins to listen, ${shown(tailops.residentMib())} MiB when it has seen and inspected all of them.`
  } finally {
    await tailops.stop()
  }
}

/** What a model reads for one cluster of 200 guests, from the peer and from us. */
async function peerListing(bed: FleetBed): Promise<string> {
  const [url = ''] = bed.urls.get('c1') ?? []
  const wish = {
    packageName: '@itunified.io/mcp-proxmox',
    entry: 'dist/index.js',
    env: () => ({ PROXMOX_API_URL: url, PROXMOX_TOKEN_ID: fullToken.id, PROXMOX_TOKEN_SECRET: fullToken.secret }),
  }
  try {
    const peer = await startPeer(wish)
    const tailops = await startHttp('tailops', bed.place, 'admin')
    try {
      await untilQuiet(bed)
      const theirs = await listingOf(bed, () => peer.ask('proxmox_cluster_resources', {}))
      const ours = await listingOf(bed, () => textOf(tailops, 'get_fleet_state', { cluster: 'c1' }))
      const row = (who: string, { tokens, ms, requests }: Listing) => [
        who,
        (tokens / theirs.tokens).toFixed(3),
        tokens,
        shown(ms),
        requests,
      ]
      return [
        'The listing of one cluster of 200 guests that a model reads (o200k tokens), from the peer and from the state that is kept:',
        table(
          ['Who', 'ratio', 'tokens', 'ms p50', 'requests'],
          [row('tailops get_fleet_state', ours), row(`${peer.name} proxmox_cluster_resources`, theirs)],
        ),
      ].join('\n\n')
    } finally {
      await tailops.stop()
      await peer.stop()
    }
  } catch (error) {
    return `The listing of @itunified.io/mcp-proxmox is not measured: ${error instanceof Error ? error.message.slice(0, 200) : String(error)}`
  }
}

interface Listing {
  readonly tokens: number
  readonly ms: number
  readonly requests: number
}

async function listingOf(bed: FleetBed, ask: () => Promise<string>): Promise<Listing> {
  const before = bed.count()
  const tokens = countTokens(await ask())
  const requests = bed.count() - before
  const times: number[] = []
  for (let round = 0; round < 10; round++) times.push(await timed(ask))
  return { tokens, requests, ms: quantile(times, 0.5) }
}
