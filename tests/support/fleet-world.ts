import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Discovery, ProxmoxConnection } from '../../src/core/connection.ts'
import type { FleetStore } from '../../src/core/fleet-ports.ts'
import { get, type Outcome } from '../../src/core/operation.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { clusterSource } from '../../src/fleet/cluster-source.ts'
import type { Look } from '../../src/fleet/look.ts'
import { openWatch, type Watch } from '../../src/fleet/watch.ts'
import { logger } from '../../src/lib/log.ts'
import { randomId } from '../../src/lib/random-id.ts'
import { Secret } from '../../src/lib/secret.ts'
import { openState } from '../../src/state/open.ts'
import { type MovedClock, movedClock } from './moved-clock.ts'
import { openStandIn, type StandIn, type StandInCluster, type StandInOptions } from './pve/stand-in.ts'

/** Simulated clusters, looked at by real executors, kept in a real store; time stands still until it is moved. */
export interface FleetWorld {
  readonly standIn: StandIn
  readonly clock: MovedClock
  readonly store: FleetStore
  readonly watch: Watch
  /** Every look that found something different, since the beginning. */
  readonly looks: readonly Look[]
  readonly log: readonly string[]
  stop(): Promise<void>
}

export const quietDiscovery: Discovery = {
  enabled: true,
  intervalMs: 300_000,
  healthIntervalMs: 60_000,
  register: ['running'],
  capabilities: [],
  include: {},
  exclude: {},
}

export const connectionTo = ({
  urls,
  tokenId,
  tokenSecret,
}: Pick<StandInCluster, 'urls' | 'tokenId' | 'tokenSecret'>): ProxmoxConnection => ({
  kind: 'proxmox',
  apiUrls: urls,
  nodes: {},
  prefixes: [],
  tokenId,
  tokenSecret: new Secret(tokenSecret),
  tls: { verify: true },
  defaults: {},
  discovery: quietDiscovery,
})

/** Without inspections a look is as cheap as it can be. */
export async function openFleetWorld(
  clusters: StandInOptions['clusters'],
  { inspects = true }: { readonly inspects?: boolean } = {},
): Promise<FleetWorld> {
  const clock = movedClock()
  const standIn = await openStandIn({ clusters, clock })
  const dir = mkdtempSync(join(tmpdir(), 'tailops-fleet-'))
  const log: string[] = []
  const logs = logger('debug', (line) => log.push(line), clock.now)
  const process = { id: 'test', isAlive: () => true }
  const state = openState({ dir, now: clock.now, newId: randomId, process, log: logs })
  const executors = standIn.clusters.map((cluster) => openProxmox(cluster.name, connectionTo(cluster), clock))
  const over = new AbortController()
  const looks: Look[] = []
  const sources = standIn.clusters.map(({ name }, index) => {
    const read = async (path: string): Promise<Outcome> => {
      const limits = { signal: over.signal, timeoutMs: 40_000, maxOutputBytes: 64 * 2 ** 20 }
      const executor = executors[index]
      if (executor === undefined) throw new TypeError(`no executor of ${name}`)
      return executor.perform(get(path), limits)
    }
    const source = clusterSource(name, { discovery: quietDiscovery }, { store: state.fleet, now: clock.now, read })
    return inspects ? source : { ...source, inspect: undefined }
  })
  const watch = openWatch({
    sources,
    store: state.fleet,
    clock,
    log: logs,
    random: () => 0.5,
    changed: (look) => looks.push(look),
  })
  return {
    standIn,
    clock,
    store: state.fleet,
    watch,
    looks,
    log,
    async stop() {
      over.abort()
      await Promise.all(executors.map((executor) => executor.close()))
      state.close()
      await standIn.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
