/** `lxc`: a container; `qemu`: a virtual machine. */
export type GuestKind = 'lxc' | 'qemu'

/** A snapshot of a guest, times in seconds since 1970. */
export interface Snapshot {
  readonly name: string
  readonly snaptime: number
  readonly description: string
  readonly parent?: string | undefined
  /** The guest as it was then, which a rollback brings back. */
  readonly holds?: Pick<Guest, 'name' | 'tags' | 'cpus' | 'memory' | 'diskSize' | 'usedDisk' | 'config'> | undefined
  /** Whether it holds the memory of a virtual machine: a rollback resumes it. */
  readonly vmstate?: boolean | undefined
}

/** One container or virtual machine. Sizes in bytes. */
export interface Guest {
  readonly vmid: number
  readonly kind: GuestKind
  readonly node: string
  readonly name: string
  /** Normalised: `db;prod`. */
  readonly tags?: string | undefined
  readonly pool?: string | undefined
  readonly template?: boolean | undefined
  readonly lock?: string | undefined
  readonly status: 'running' | 'stopped'
  readonly paused?: boolean | undefined
  /** Milliseconds since 1970, while it runs. */
  readonly startedAt?: number | undefined
  readonly cpus: number
  /** Share of its CPUs that it uses while it runs. */
  readonly load: number
  readonly memory: number
  readonly usedMemory: number
  readonly diskSize: number
  readonly usedDisk: number
  /** The keys of its configuration that stand nowhere else: `{onboot: 1, net0: "name=eth0,bridge=vmbr0"}`. */
  readonly config: Readonly<Record<string, string | number>>
  readonly snapshots: readonly Snapshot[]
  /** Values of its configuration that wait for its next start; undefined: the key is deleted then. */
  readonly pending?: Readonly<Record<string, string | number | undefined>> | undefined
  /** The snapshot that it stands on, or a name that is none of them: on none. The last one when nothing is said. */
  readonly standsOn?: string | undefined
  /** `192.0.2.101/24` */
  readonly addresses: readonly string[]
  /** Whether the agent inside a virtual machine answers. */
  readonly agentAnswers?: boolean | undefined
  /** `started`, when the HA manager keeps it. */
  readonly hastate?: string | undefined
}

/** What a guest is made of; what is left out has a small, quiet default. */
export type GuestSeed = Pick<Guest, 'vmid' | 'node'> & Partial<Guest>

const gib = 1024 ** 3

/** A guest with every field, from the few that matter. */
export function guestOf(seed: GuestSeed): Guest {
  const memory = seed.memory ?? gib
  return {
    kind: 'lxc',
    name: `guest-${seed.vmid}`,
    status: 'stopped',
    cpus: 2,
    load: 0.03,
    memory,
    usedMemory: Math.round(memory * 0.4),
    diskSize: 8 * gib,
    usedDisk: 2 * gib,
    config: {},
    snapshots: [],
    addresses: [],
    ...seed,
  }
}

/** A guest as it is kept: tags are normalised, and one that runs has been running since now, if nothing else is known. */
export function kept(guest: Guest, now: number): Guest {
  const tags = normalTags(guest.tags)
  if (guest.status === 'stopped') return { ...guest, tags, startedAt: undefined, paused: undefined }
  return { ...guest, tags, startedAt: guest.startedAt ?? now }
}

/** Tags as Proxmox VE stores them: sorted, in lower case, once each; commas and spaces separate too. */
export function normalTags(tags: string | undefined): string | undefined {
  const words = (tags ?? '').toLowerCase().split(/[;,\s]+/)
  const unique = [...new Set(words.filter((word) => word !== ''))].sort()
  return unique.length === 0 ? undefined : unique.join(';')
}

/** `101` → `CT 101`, `VM 200`: how errors name a guest. */
export const titleOf = ({ kind, vmid }: Pick<Guest, 'kind' | 'vmid'>): string => `${wordOf(kind)} ${vmid}`

/** `CT` or `VM`. */
export const wordOf = (kind: GuestKind): string => (kind === 'lxc' ? 'CT' : 'VM')
