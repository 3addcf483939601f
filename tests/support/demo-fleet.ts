import { get } from '../../src/core/operation.ts'
import { openDemo } from '../../src/demo/demo.ts'
import { seededRandom } from '../../src/demo/seeded.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { clusterSource } from '../../src/fleet/cluster-source.ts'
import { lookAt } from '../../src/fleet/look.ts'
import { connectionTo, quietDiscovery } from './fleet-world.ts'
import { movedClock } from './moved-clock.ts'
import { type OwnToolsWorld, openOwnToolsWorld } from './own-tools-world.ts'

/** The gateway's own tools over the fleet of `tailops demo`, which was looked at and inspected once. */
export interface DemoFleet {
  readonly world: OwnToolsWorld
  stop(): Promise<void>
}

export async function openDemoFleet(): Promise<DemoFleet> {
  const clock = movedClock(new Date('2026-11-21T12:00:00Z'))
  const demo = await openDemo(clock, seededRandom(5))
  const world = openOwnToolsWorld({ clock })
  const store = world.state.fleet
  const signal = new AbortController().signal
  const limits = { signal, timeoutMs: 40_000, maxOutputBytes: 64 * 2 ** 20 }
  const executors = demo.clusters.map((cluster) => ({
    name: cluster.name,
    executor: openProxmox(cluster.name, connectionTo(cluster), clock),
  }))
  for (const { name, executor } of executors) {
    const read = (path: string) => executor.perform(get(path), limits)
    const source = clusterSource(name, { discovery: quietDiscovery }, { store, now: clock.now, read })
    await lookAt(source, store, clock.now)
    await source.inspect?.run(clock.now())
  }
  return {
    world,
    async stop() {
      await Promise.all(executors.map(({ executor }) => executor.close()))
      await world.stop()
      await demo.stop()
    },
  }
}
