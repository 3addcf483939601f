import type { Capability } from './capability.ts'
import type { Endpoint } from './connection.ts'
import type { GuestOfCluster } from './guest-of-cluster.ts'

/** What a target is reached through; also what a tool says it works on. `guest`: a container or VM that discovery found. */
export const targetKinds = ['gateway', 'local', 'ssh', 'docker', 'http', 'proxmox', 'guest'] as const
export type TargetKind = (typeof targetKinds)[number]

/** Something we may act on. */
export interface Target {
  readonly id: string
  readonly kind: TargetKind
  readonly tags: readonly string[]
  /** Nothing is granted that is not listed. */
  readonly capabilities: readonly Capability[]
  readonly constraints: Constraints
  readonly segment?: string | undefined
  readonly cluster?: string | undefined
  /** Of a discovered guest: its name, where no other target has it. */
  readonly alias?: string | undefined
  /** Of a Proxmox cluster: what the names of its guests begin with. */
  readonly prefixes?: readonly string[] | undefined
  /** Of a Proxmox cluster: node name to the id of the ssh target that is the node. */
  readonly nodes?: Readonly<Record<string, string>> | undefined
  /** Of a Proxmox cluster: where a new guest goes when nothing is said. */
  readonly defaults?: GuestDefaults | undefined
  /** Of an HTTP service: the requests that may be made. */
  readonly endpoints?: readonly Endpoint[] | undefined
  /** Of a machine that is a container or VM of a configured Proxmox cluster: which one. */
  readonly guest?: GuestOfCluster | undefined
  /** Of a Proxmox cluster: what must be true of its guests after a change with `snapshot_first`. */
  readonly guestProbes?: readonly GuestProbe[] | undefined
  /** Of a Docker engine: the registries that images may be pulled from. Undefined: any. */
  readonly registries?: readonly string[] | undefined
}

/** What tells that a guest does its work: one of the three. */
export interface GuestProbe {
  /** A name, a vmid, or `tag:web`. */
  readonly guest: string
  /** A port of its first address that takes connections. */
  readonly tcp?: number | undefined
  /** A URL that the gateway gets, and the status it must have. */
  readonly http?: { readonly url: string; readonly status: number } | undefined
  /** A program that exits with 0 inside the guest. */
  readonly command?: readonly [string, ...string[]] | undefined
  readonly withinMs: number
}

/** Where a new guest goes. */
export interface GuestDefaults {
  readonly node?: string | undefined
  readonly storage?: string | undefined
  readonly bridge?: string | undefined
}

/** What narrows the grants of one target. */
export interface Constraints {
  /** Limit of one operation, milliseconds. */
  readonly timeoutMs: number
  /** Operations at the same time. */
  readonly concurrency: number
  readonly sudoPolicy: 'none' | 'limited' | 'full'
  readonly sudoCommands: readonly string[]
  /** Folders that file tools may touch, absolute. */
  readonly fileRoots: readonly string[]
  /** Units that may be managed although they could cut us off. */
  readonly units: readonly string[]
  readonly commands: readonly CommandRule[]
  /** CIDR networks that probes may reach. */
  readonly networks: readonly string[]
}

/** One program that run_command and proxmox_exec may start. */
export interface CommandRule {
  readonly program: string
  /** Anchored regular expressions, one an argument, in order. Left out: any arguments. */
  readonly args?: readonly string[] | undefined
}

/** Limits of a target whose configuration is silent. */
export const defaultConstraints: Constraints = {
  timeoutMs: 30_000,
  concurrency: 5,
  sudoPolicy: 'none',
  sudoCommands: [],
  fileRoots: ['/var/log'],
  units: [],
  commands: [],
  networks: [],
}

/** Who asks. Sessions, approvals, outputs and request ids belong to `id`. */
export interface Caller {
  /** `token:<id>`, `stdio:<uid>`, `cli:<uid>`. */
  readonly id: string
  readonly scopes: readonly Capability[]
  /** What its proof says of it: roles are given by that. */
  readonly proof?: CallerProof | undefined
}

/** How a caller showed who it is, and what is vouched for. */
export interface CallerProof {
  readonly kind: 'token' | 'oidc' | 'tailscale' | 'none'
  /** `ada@example.org`; of a tagged machine its name. */
  readonly login?: string | undefined
  readonly groups: readonly string[]
  /** Of a machine of the tailnet: `tag:ci`. */
  readonly tags: readonly string[]
  /** Whether who vouches for it gives scopes of ours at all: then to have none is to hold none. */
  readonly givesScopes?: boolean | undefined
}
