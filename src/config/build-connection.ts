import { isAbsolute, join, resolve } from 'node:path'
import type {
  Connection,
  Discovery,
  DockerConnection,
  Endpoint,
  EndpointParameter,
  HttpConnection,
  ProxmoxConnection,
  SshConnection,
} from '../core/connection.ts'
import type { GuestOfCluster } from '../core/guest-of-cluster.ts'
import type { RawTarget } from './schema.ts'

/** Where relative paths of the file count from. */
export interface Folders {
  readonly config: string
  readonly home: string | undefined
}

/** A target's section by executor. */
export type RawOf<K extends RawTarget['executor']> = Extract<RawTarget, { executor: K }>

/** The engine's socket where nothing else is said. */
export const defaultDockerSocket = '/var/run/docker.sock'

/** How a target is reached, defaults filled in. */
export function connectionOf(id: string, raw: RawTarget, folders: Folders): Connection {
  switch (raw.executor) {
    case 'local':
      return { kind: 'local' }
    case 'ssh':
      return ssh(id, raw, folders)
    case 'docker':
      return docker(raw, folders)
    case 'http':
      return http(raw, folders)
    case 'proxmox':
      return proxmox(raw, folders)
  }
}

function ssh(id: string, { connection: given = {} }: RawOf<'ssh'>, folders: Folders): SshConnection {
  return {
    kind: 'ssh',
    host: given.host ?? id,
    port: given.port ?? 22,
    username: given.username ?? given.user ?? 'root',
    keyPath: whole(given.key_path, folders),
    passphrase: given.passphrase,
    password: given.password,
    agent: typeof given.agent === 'string' ? whole(given.agent, folders) : given.agent,
    hostKey: given.host_key,
    knownHosts: whole(given.known_hosts, folders),
    acceptNew: given.accept_new ?? false,
    jump: given.jump,
    guest: guestOf(given.guest),
    connectTimeoutMs: milliseconds(given.timeout),
  }
}

function guestOf(id: string | undefined): GuestOfCluster | undefined {
  const [, cluster, vmid] = /^pve:([^/]+)\/(\d+)$/.exec(id ?? '') ?? []
  return cluster === undefined ? undefined : { cluster, vmid: Number(vmid) }
}

function docker({ connection: given = {} }: RawOf<'docker'>, folders: Folders): DockerConnection {
  const unix = given.host?.startsWith('unix://') ? given.host.slice('unix://'.length) : undefined
  return {
    kind: 'docker',
    socketPath: given.socket_path ?? unix ?? defaultDockerSocket,
    host: unix === undefined ? given.host : undefined,
    tlsVerify: given.tls_verify ?? (given.cert_path !== undefined || given.host?.startsWith('https://') === true),
    certPath: whole(given.cert_path, folders),
    via: given.via,
    registries: given.registries,
    connectTimeoutMs: milliseconds(given.timeout),
  }
}

function http({ connection: given = {}, endpoints = {} }: RawOf<'http'>, folders: Folders): HttpConnection {
  return {
    kind: 'http',
    baseUrl: given.base_url === undefined ? undefined : withoutSlash(given.base_url),
    token: given.token,
    basic: given.basic,
    headers: given.headers ?? {},
    tls: {
      verify: given.tls?.verify ?? true,
      caFile: whole(given.tls?.ca_file, folders),
      certFile: whole(given.tls?.cert_file, folders),
      keyFile: whole(given.tls?.key_file, folders),
      serverName: given.tls?.server_name,
      fingerprints: given.tls?.fingerprint === undefined ? undefined : [given.tls.fingerprint],
    },
    endpoints: Object.entries(endpoints).map(([name, raw]) => endpoint(name, raw)),
    connectTimeoutMs: milliseconds(given.timeout),
  }
}

type RawEndpoint = NonNullable<RawOf<'http'>['endpoints']>[string]

function endpoint(name: string, raw: RawEndpoint): Endpoint {
  const reads = raw.method === 'GET' || raw.method === 'HEAD'
  return {
    name,
    method: raw.method,
    path: raw.path,
    risk: raw.risk ?? (reads ? 'read' : raw.method === 'DELETE' ? 'destructive' : 'write'),
    parameters: parametersOf(raw),
    description: raw.description,
  }
}

/** Declared parameters, and those that only the path names. */
function parametersOf({ path, parameters = {} }: RawEndpoint): readonly EndpointParameter[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => (name === undefined ? [] : [name]))
  const declared = Object.entries(parameters).map(([name, raw]): EndpointParameter => {
    const place = inPath.includes(name) ? 'path' : (raw.in ?? 'query')
    const { type, pattern, description } = raw
    return { name, in: place, type, required: place === 'path' || (raw.required ?? false), pattern, description }
  })
  const named = inPath.filter((name) => !Object.hasOwn(parameters, name))
  return [...new Set(named)]
    .map((name): EndpointParameter => ({ name, in: 'path', type: 'string', required: true }))
    .concat(declared)
}

function proxmox(raw: RawOf<'proxmox'>, folders: Folders): ProxmoxConnection {
  const { connection: given = {}, defaults = {} } = raw
  return {
    kind: 'proxmox',
    apiUrls: (given.api_url ?? []).map(withoutSlash),
    nodes: given.nodes ?? {},
    prefixes: given.prefixes ?? [],
    tokenId: given.token_id,
    tokenSecret: given.token_secret,
    username: given.username,
    password: given.password,
    tls: { verify: given.verify ?? true, fingerprints: given.fingerprint, caFile: whole(given.ca_file, folders) },
    defaults,
    discovery: discovery(raw.discovery, folders),
    region: raw.region ?? given.region,
    tier: raw.tier ?? given.tier,
    connectTimeoutMs: milliseconds(given.timeout),
  }
}

/** What discovery does, defaults filled in. */
export function discovery(raw: RawOf<'proxmox'>['discovery'], folders: Folders): Discovery {
  return {
    enabled: raw?.enabled ?? true,
    intervalMs: (raw?.interval ?? 300) * 1000,
    healthIntervalMs: (raw?.health_interval ?? 60) * 1000,
    register: raw?.register ?? ['running'],
    capabilities: raw?.capabilities ?? [],
    ssh: raw?.ssh && {
      username: raw.ssh.user ?? 'root',
      port: raw.ssh.port ?? 22,
      keyPath: whole(raw.ssh.key_path, folders),
      passphrase: raw.ssh.passphrase,
      knownHosts: whole(raw.ssh.known_hosts, folders),
      acceptNew: raw.ssh.accept_new ?? false,
    },
    include: raw?.include ?? {},
    exclude: raw?.exclude ?? {},
  }
}

const milliseconds = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : Math.round(seconds * 1000)

/** A URL to which paths can be appended. */
export const withoutSlash = (url: string): string => url.replace(/\/+$/, '')

function whole(path: string | undefined, { config, home }: Folders): string | undefined {
  if (path === undefined || isAbsolute(path)) return path
  return path.startsWith('~/') && home !== undefined ? join(home, path.slice(2)) : resolve(config, path)
}
