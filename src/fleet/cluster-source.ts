import type { ProxmoxConnection } from '../core/connection.ts'
import type { FleetStore } from '../core/fleet-ports.ts'
import type { Outcome } from '../core/operation.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import { clusterStatus, clusterStatusReply } from '../formats/proxmox-status.ts'
import { taskEnd, tasksReply } from '../formats/proxmox-tasks.ts'
import { digestOf } from '../lib/digest.ts'
import type { AddressBook } from './cluster-look.ts'
import { inspectCluster } from './inspect-cluster.ts'
import { observeCluster } from './observe-cluster.ts'
import type { OwnChanges } from './own-changes.ts'
import type { WatchedSource } from './watch.ts'

const inspectEveryMs = 15 * 60_000

export interface ClusterParts {
  readonly store: FleetStore
  readonly own?: OwnChanges | undefined
  now(): Date
  /** A GET of its API. @throws GatewayError */
  read(path: string): Promise<Outcome>
}

/** A cluster as a source of the fleet: looked at on its interval, and at once when its task log has news. */
export function clusterSource(
  cluster: string,
  { discovery }: Pick<ProxmoxConnection, 'discovery'>,
  { store, own, now, read }: ClusterParts,
): WatchedSource {
  const addresses: AddressBook = new Map()
  return {
    id: cluster,
    head: { id: `cluster:${cluster}`, kind: 'cluster' },
    intervalMs: discovery.intervalMs,
    observe: (known, at) => observeCluster({ cluster, known, addresses, at, doubted: own?.doubted(cluster), read }),
    hint: { everyMs: discovery.healthIntervalMs, ask: () => newsOf(read) },
    inspect: {
      everyMs: inspectEveryMs,
      async run(at) {
        store.keepFindings(cluster, await inspectCluster({ known: store.resourcesOf(cluster), at, now, read }))
      },
    },
  }
}

/** Changes whenever a task has ended, or a node has come or gone. */
async function newsOf(read: (path: string) => Promise<Outcome>): Promise<string> {
  const [tasks, answer] = await Promise.all([read('/cluster/tasks'), read('/cluster/status')])
  const ended = proxmoxData(tasks, tasksReply, '/cluster/tasks').filter((task) => taskEnd(task) !== 'running')
  // Who may not read the status still hears of tasks.
  const status = answer.ok && clusterStatus(proxmoxData(answer, clusterStatusReply, '/cluster/status'))
  return digestOf([ended.map(({ upid }) => upid).toSorted(), status])
}
