import type { Connection } from '../core/connection.ts'
import type { FleetStore } from '../core/fleet-ports.ts'
import { get, type Operation, type Outcome } from '../core/operation.ts'
import type { Target } from '../core/target.ts'
import { clusterSource } from './cluster-source.ts'
import { dockerSource } from './docker-source.ts'
import { machineSource, serviceSource } from './host-source.ts'
import type { OwnChanges } from './own-changes.ts'
import type { WatchedSource } from './watch.ts'

/** A target and how it is reached. */
interface Reached extends Target {
  readonly connection: Connection
}

export interface SourceParts {
  readonly store: FleetStore
  readonly own?: OwnChanges | undefined
  now(): Date
  /** Ends with the signal of the sources. @throws GatewayError */
  read(target: Target, operation: Operation): Promise<Outcome>
}

/** What tells of the fleet: each target that there is something to be seen on. */
export function sourcesOf(
  targets: readonly Reached[],
  { store, own, now, read }: SourceParts,
): readonly WatchedSource[] {
  const all = targets.flatMap((target): readonly WatchedSource[] => {
    const { connection } = target
    if (connection.kind === 'proxmox' && connection.discovery.enabled)
      return [clusterSource(target.id, connection, { store, own, now, read: (path) => read(target, get(path)) })]
    if (connection.kind === 'docker' && target.capabilities.includes('container:read'))
      return [dockerSource(target.id, (path) => read(target, get(path)))]
    if ((connection.kind === 'local' || connection.kind === 'ssh') && target.capabilities.includes('system:read'))
      return [machineSource(target.id, (operation) => read(target, operation))]
    const service = connection.kind === 'http' && target.capabilities.includes('http:read')
    return (service ? [serviceSource(target, (operation) => read(target, operation))] : []).filter(isThere)
  })
  return own === undefined ? all : all.map((source) => ({ ...source, causeOf: own.causeOf }))
}

const isThere = (source: WatchedSource | undefined): source is WatchedSource => source !== undefined
