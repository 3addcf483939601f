import type { Guest } from './guest.ts'

/** What a host of a cluster is doing: `hanging` takes connections and never answers. */
export type NodeState = 'online' | 'offline' | 'hanging'

/** A package that apt would upgrade. */
export interface Upgrade {
  readonly name: string
  readonly from: string
  readonly to: string
}

/** One host of a cluster. Sizes in bytes, times in milliseconds since 1970. */
export interface PveNode {
  readonly name: string
  readonly id: number
  readonly ip: string
  readonly state: NodeState
  /** Since when it is not online. */
  readonly goneAt?: number | undefined
  readonly bootedAt: number
  readonly cpus: number
  readonly load: number
  readonly memory: number
  readonly usedMemory: number
  readonly diskSize: number
  readonly usedDisk: number
  readonly version: string
  /** SHA-256 of the certificate: `3D:FC:92:…`. */
  readonly fingerprint: string
  readonly certificateEndsAt: number
  readonly upgrades: readonly Upgrade[]
}

/** A backup, an image or a template in a storage. */
export interface Volume {
  /** `local:backup/vzdump-lxc-102-2026_11_21-03_47_57.tar.gz` */
  readonly volid: string
  readonly content: 'backup' | 'iso' | 'vztmpl' | 'images' | 'rootdir'
  readonly format: string
  readonly size: number
  /** Seconds since 1970. */
  readonly ctime: number
  readonly vmid?: number | undefined
  readonly notes?: string | undefined
  readonly protected?: boolean | undefined
  /** Of a backup: the guest as it was. */
  readonly holds?: Guest | undefined
}

/** A storage; one that is not shared exists once on every node, with its own use and content. */
export interface Storage {
  readonly name: string
  /** `dir`, `lvmthin`, `zfspool`, `nfs`, `pbs` */
  readonly type: string
  readonly content: readonly string[]
  readonly shared: boolean
  readonly size: number
  /** Bytes in use, by node; for a shared storage under `*`. */
  readonly used: Readonly<Record<string, number>>
  readonly volumes: Readonly<Record<string, readonly Volume[]>>
  readonly path?: string | undefined
  /** Further keys of its configuration: `{'prune-backups': 'keep-last=7'}`. */
  readonly options?: Readonly<Record<string, string>> | undefined
  readonly inactive?: boolean | undefined
  /** The nodes that have it; all when left out. */
  readonly nodes?: readonly string[] | undefined
}

/** A pool of guests. */
export interface Pool {
  readonly name: string
  readonly comment?: string | undefined
}

/** A scheduled backup. */
export interface BackupJob {
  readonly id: string
  readonly schedule: string
  readonly storage: string
  readonly enabled: boolean
  /** `101,102`, or undefined: all guests. */
  readonly vmid?: string | undefined
  readonly pool?: string | undefined
  readonly mode: 'snapshot' | 'suspend' | 'stop'
  /** Seconds since 1970. */
  readonly nextRun: number
}

/** A scheduled copy of a guest's disks to another node. */
export interface ReplicationJob {
  readonly guest: number
  /** Counts the jobs of a guest: `101-0`. */
  readonly number: number
  readonly source: string
  readonly target: string
}

/** What a node is made of; what is left out has a default. */
export type NodeSeed = Pick<PveNode, 'name'> & Partial<PveNode>

const gib = 1024 ** 3
const day = 86_400_000

/** A node with every field, from the few that matter. */
export function nodeOf(seed: NodeSeed, id: number, now: number): PveNode {
  return {
    id,
    ip: `192.0.2.${10 + id}`,
    state: 'online',
    bootedAt: now - 12 * day,
    cpus: 16,
    load: 0.12,
    memory: 64 * gib,
    usedMemory: 24 * gib,
    diskSize: 100 * gib,
    usedDisk: 21 * gib,
    version: '9.2.11',
    fingerprint: Array.from({ length: 32 }, (_, index) => hex((index * 7 + id * 31) % 256)).join(':'),
    certificateEndsAt: now + 500 * day,
    upgrades: [],
    ...seed,
  }
}

const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0')
