import type { Secret } from '../lib/secret.ts'
import type { Capability } from './capability.ts'
import type { GuestOfCluster } from './guest-of-cluster.ts'

/** How a target is reached, by kind. */
export type Connection =
  | LocalConnection
  | SshConnection
  | DockerConnection
  | HttpConnection
  | ProxmoxConnection
  | GuestConnection

/** The machine the gateway runs on. */
export interface LocalConnection {
  readonly kind: 'local'
}

/** Paths are absolute, on the gateway's machine. */
export interface SshConnection {
  readonly kind: 'ssh'
  readonly host: string
  readonly port: number
  readonly username: string
  readonly keyPath?: string | undefined
  readonly passphrase?: Secret | undefined
  readonly password?: Secret | undefined
  /** true: SSH_AUTH_SOCK; a text: the path of the agent's socket. */
  readonly agent?: boolean | string | undefined
  readonly hostKey?: string | undefined
  readonly knownHosts?: string | undefined
  readonly acceptNew: boolean
  /** Id of an ssh target; it may be declared nowhere. */
  readonly jump?: string | undefined
  /** The guest that the machine is. */
  readonly guest?: GuestOfCluster | undefined
  readonly connectTimeoutMs?: number | undefined
}

/** Over the network when `host` is set, else through `socketPath`; on the machine of the target `via` when that is set. */
export interface DockerConnection {
  readonly kind: 'docker'
  readonly socketPath: string
  readonly host?: string | undefined
  readonly tlsVerify: boolean
  /** Folder with ca.pem, cert.pem, key.pem. */
  readonly certPath?: string | undefined
  readonly via?: string | undefined
  /** Undefined: any registry. */
  readonly registries?: readonly string[] | undefined
  readonly connectTimeoutMs?: number | undefined
}

/** An HTTP service and the requests that may be made. */
export interface HttpConnection {
  readonly kind: 'http'
  /** Without slash at the end. */
  readonly baseUrl?: string | undefined
  readonly token?: Secret | undefined
  readonly basic?: { readonly username: string; readonly password: Secret } | undefined
  readonly headers: Readonly<Record<string, Secret>>
  readonly tls: TlsRules
  readonly endpoints: readonly Endpoint[]
  readonly connectTimeoutMs?: number | undefined
}

/** How a certificate is judged. */
export interface TlsRules {
  readonly verify: boolean
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly serverName?: string | undefined
  /** The certificates accepted, any of them: SHA-256, hexadecimal bytes with colons. Left out: by its chain. */
  readonly fingerprints?: readonly string[] | undefined
}

/** One named request. */
export interface Endpoint {
  readonly name: string
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Template: `/api/silences/{id}`. */
  readonly path: string
  readonly risk: 'read' | 'write' | 'destructive'
  readonly parameters: readonly EndpointParameter[]
  readonly description?: string | undefined
}

/** One argument of a named request. */
export interface EndpointParameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'body'
  readonly type: 'string' | 'number' | 'boolean'
  readonly required: boolean
  readonly pattern?: string | undefined
  readonly description?: string | undefined
}

/** A Proxmox VE cluster; the target's id is its name. */
export interface ProxmoxConnection {
  readonly kind: 'proxmox'
  /** Tried in order, without slash at the end. */
  readonly apiUrls: readonly string[]
  /** Node name to the id of its ssh target. */
  readonly nodes: Readonly<Record<string, string>>
  readonly prefixes: readonly string[]
  readonly tokenId?: string | undefined
  readonly tokenSecret?: Secret | undefined
  /** Logs in with a password instead of an API token: `gw@pve`. */
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  readonly tls: TlsRules
  readonly defaults: {
    readonly node?: string | undefined
    readonly storage?: string | undefined
    readonly bridge?: string | undefined
  }
  readonly discovery: Discovery
  readonly region?: string | undefined
  readonly tier?: string | undefined
  readonly connectTimeoutMs?: number | undefined
}

/** Which guests become targets by themselves. */
export interface Discovery {
  readonly enabled: boolean
  readonly intervalMs: number
  readonly healthIntervalMs: number
  readonly register: readonly ('running' | 'stopped')[]
  readonly capabilities: readonly Capability[]
  readonly ssh?: DiscoverySsh | undefined
  readonly include: GuestFilter
  readonly exclude: GuestFilter
}

/** How discovered guests are reached. */
export interface DiscoverySsh {
  readonly username: string
  readonly port: number
  readonly keyPath?: string | undefined
  readonly passphrase?: Secret | undefined
  readonly knownHosts?: string | undefined
  readonly acceptNew: boolean
}

/** A list left out does not narrow. */
export interface GuestFilter {
  readonly tags?: readonly string[] | undefined
  readonly pools?: readonly string[] | undefined
  readonly names?: readonly string[] | undefined
  readonly kinds?: readonly ('lxc' | 'qemu')[] | undefined
}

/** A discovered guest that is reached through its cluster: a container by its node, a virtual machine by its agent. */
export interface GuestConnection {
  readonly kind: 'guest'
  readonly guest: 'lxc' | 'qemu'
  readonly vmid: number
  /** Where it is at the moment. */
  readonly node: string
  /** Id of the cluster's target. */
  readonly cluster: string
  /** Id of the target that is its node; undefined where none is configured. */
  readonly nodeTarget?: string | undefined
}
