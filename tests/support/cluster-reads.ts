import type { Context } from '../../src/core/context.ts'
import { defaultConstraints } from '../../src/core/target.ts'
import type { Query } from '../../src/core/tool.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { connectionTo } from './fleet-world.ts'
import { alice } from './gateway-world.ts'
import { type ClusterSeed, openStandIn, type StandIn } from './pve/stand-in.ts'

/** One simulated cluster, asked by queries through the real executor. */
export interface ClusterReads {
  readonly standIn: StandIn
  /** @throws GatewayError */
  answer(tool: Query, input?: Record<string, unknown>): Promise<Record<string, unknown>>
  stop(): Promise<void>
}

export async function openClusterReads(seed: ClusterSeed): Promise<ClusterReads> {
  const standIn = await openStandIn({ clusters: [seed] })
  const executor = openProxmox(seed.name, connectionTo(standIn.cluster(seed.name)), systemClock)
  const { signal } = new AbortController()
  const context: Context = {
    caller: alice,
    target: {
      id: seed.name,
      kind: 'proxmox',
      tags: [],
      capabilities: ['proxmox:read'],
      constraints: defaultConstraints,
    },
    signal,
    now: systemClock.now(),
    read: (operation) => executor.perform(operation, { signal, timeoutMs: 30_000, maxOutputBytes: 2 ** 20 }),
    remembered: () => ({ seenAt: undefined, resources: [] }),
    progress: () => undefined,
  }
  return {
    standIn,
    async answer(tool, input = {}) {
      return tool.output.parse(await tool.run(tool.input.parse(input), context))
    },
    async stop() {
      await executor.close()
      await standIn.stop()
    },
  }
}
