import { type Constraints, defaultConstraints, type GuestProbe } from '../core/target.ts'
import { connectionOf, defaultDockerSocket, type Folders } from './build-connection.ts'
import type { RawTarget } from './schema.ts'
import type { ConfiguredTarget } from './targets-config.ts'

/** What targets inherit from their surroundings. */
export interface Surroundings {
  readonly folders: Folders
  readonly segment: string | undefined
  /** Executors by id, of the whole file; a derived target never replaces a declared one. */
  readonly declared: ReadonlyMap<string, string>
}

/** A target as the gateway uses it, followed by the Docker target that it yields when it grants `container:*`. */
export function buildTargets(id: string, raw: RawTarget, surroundings: Surroundings): readonly ConfiguredTarget[] {
  const connection = connectionOf(id, raw, surroundings.folders)
  const target: ConfiguredTarget = {
    id,
    kind: raw.executor,
    tags: raw.metadata?.tags ?? [],
    capabilities: raw.capabilities ?? [],
    constraints: constraintsOf(raw.constraints),
    segment: raw.metadata?.segment ?? surroundings.segment,
    cluster: raw.executor === 'proxmox' ? id : undefined,
    prefixes: connection.kind === 'proxmox' ? connection.prefixes : undefined,
    nodes: connection.kind === 'proxmox' ? connection.nodes : undefined,
    defaults: connection.kind === 'proxmox' ? connection.defaults : undefined,
    guest: connection.kind === 'ssh' ? connection.guest : undefined,
    guestProbes: raw.executor === 'proxmox' ? probesOf(raw.probes) : undefined,
    endpoints: connection.kind === 'http' ? connection.endpoints : undefined,
    registries: connection.kind === 'docker' ? connection.registries : undefined,
    connection,
  }
  return [target, ...dockerWithin(target, surroundings.declared)]
}

function probesOf(raw: RawProbes): readonly GuestProbe[] {
  return Object.entries(raw ?? {}).map(([guest, { tcp, http, status = 200, command, within }]): GuestProbe => {
    const [program, ...args] = command ?? []
    return {
      guest,
      tcp,
      http: http === undefined ? undefined : { url: http, status },
      command: program === undefined ? undefined : [program, ...args],
      withinMs: Math.round(within * 1000),
    }
  })
}

type RawProbes = Extract<RawTarget, { executor: 'proxmox' }>['probes']

function dockerWithin(machine: ConfiguredTarget, declared: Surroundings['declared']): readonly ConfiguredTarget[] {
  const id = `${machine.id}/docker`
  const granted = machine.capabilities.filter((name) => /^(container|stack):/.test(name))
  const hasEngine = machine.kind === 'local' || machine.kind === 'ssh'
  if (!hasEngine || declared.has(id) || !granted.some((name) => name.startsWith('container:'))) return []
  const engine = { kind: 'docker', socketPath: defaultDockerSocket, tlsVerify: false } as const
  // The engine of this machine is at hand; that of another one is reached through it.
  const connection = machine.kind === 'ssh' ? { ...engine, via: machine.id } : engine
  return [{ ...machine, id, kind: 'docker', capabilities: granted, connection }]
}

function constraintsOf(raw: RawTarget['constraints']): Constraints {
  if (raw === undefined) return defaultConstraints
  return {
    timeoutMs: Math.round(raw.timeout * 1000),
    concurrency: raw.concurrency,
    sudoPolicy: raw.sudo_policy,
    sudoCommands: raw.sudo_commands,
    fileRoots: raw.file_roots,
    units: raw.units,
    commands: raw.commands,
    networks: raw.networks,
  }
}
