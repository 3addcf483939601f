import { capabilityWords, expandCapabilities } from '../core/capability.ts'
import type { ProxmoxConnection } from '../core/connection.ts'
import { defaultConstraints } from '../core/target.ts'
import { parseJson } from '../lib/json.ts'
import { Secret } from '../lib/secret.ts'
import { discovery, withoutSlash } from './build-connection.ts'
import { type Problem, quoted } from './problem.ts'
import { suggest } from './suggest.ts'
import { idFinding } from './target-id.ts'
import type { ConfiguredTarget } from './targets-config.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Clusters that the environment declares, in the order of PROXMOX_CLUSTERS. */
export interface EnvironmentClusters {
  readonly targets: readonly ConfiguredTarget[]
  readonly problems: readonly Problem[]
}

/**
 * Reads `PROXMOX_CLUSTERS=a,b` with `PROXMOX_CLUSTER_<name>_API_URL` and so on, or one cluster named `proxmox` from `PROXMOX_API_URL`.
 * They grant proxmox:read unless `…_CAPABILITIES` says otherwise. A target that the file declares wins over one of the same name.
 */
export function environmentClusters(env: Env, declared: readonly { readonly id: string }[]): EnvironmentClusters {
  const problems: Problem[] = []
  const report = (severity: Problem['severity'], variable: string, words: { what: string; hint: string }) => {
    problems.push({ severity, file: `environment variable ${variable}`, line: 0, column: 0, ...words })
  }
  const names = clusterNames(env)
  const prefixes = patterns(env, names, report)
  const targets = names.flatMap(({ name, prefix }) => {
    const bad = idFinding(name)
    if (bad !== undefined) report('error', 'PROXMOX_CLUSTERS', bad)
    const own = declared.some(({ id }) => id === name)
    if (own)
      report('warning', `${prefix}API_URL`, {
        what: `the file declares ${name} too`,
        hint: 'the file wins; remove one of the two',
      })
    if (bad !== undefined || own) return []
    const mine = prefixes.filter(([, cluster]) => cluster === name).map(([start]) => start)
    return [cluster(name, mine, { read: reader(env, prefix), prefix, report })]
  })
  return { targets, problems }
}

interface Named {
  readonly name: string
  readonly prefix: string
}

function clusterNames(env: Env): readonly Named[] {
  const listed = words(env['PROXMOX_CLUSTERS'])
  if (listed.length > 0) return [...new Set(listed)].map((name) => ({ name, prefix: `PROXMOX_CLUSTER_${name}_` }))
  return env['PROXMOX_API_URL'] || env['PROXMOX_HOST'] ? [{ name: 'proxmox', prefix: 'PROXMOX_' }] : []
}

const words = (list: string | undefined): readonly string[] =>
  (list ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')

type Report = (severity: Problem['severity'], variable: string, words: { what: string; hint: string }) => void

/** `{"prod-":"a"}` or `prod-:a,dr-:b`, as pairs. */
function patterns(env: Env, names: readonly Named[], report: Report): readonly (readonly [string, string])[] {
  const text = (env['PROXMOX_CLUSTER_PATTERNS'] ?? '').trim()
  const json = text.startsWith('{') ? parseJson(text) : undefined
  const pairs: readonly (readonly [string, string])[] =
    typeof json === 'object' && json !== null
      ? Object.entries(json).map(([start, name]) => [start, String(name)])
      : words(text).map((pair) => [pair.slice(0, pair.lastIndexOf(':')), pair.slice(pair.lastIndexOf(':') + 1)])
  const known = names.map(({ name }) => name)
  return pairs.filter(([start, name]) => {
    if (start !== '' && known.includes(name)) return true
    const near = suggest(name, known)
    const hint = near === undefined ? 'write prod-:a,dr-:b with names of PROXMOX_CLUSTERS' : `did you mean ${near}?`
    report('error', 'PROXMOX_CLUSTER_PATTERNS', { what: `${quoted(`${start}:${name}`)} names no cluster`, hint })
    return false
  })
}

/** Reads `PREFIX + key`; the key may also be in upper case with dashes as underscores in the cluster's name. */
function reader(env: Env, prefix: string): (key: string) => string | undefined {
  const shell = prefix.toUpperCase().replace(/[^A-Z0-9]/g, '_')
  return (key) => [env[prefix + key], env[shell + key]].find((value) => value !== undefined && value !== '')
}

interface Reading {
  read(key: string): string | undefined
  readonly prefix: string
  readonly report: Report
}

function cluster(name: string, prefixes: readonly string[], reading: Reading): ConfiguredTarget {
  const granted = words(reading.read('CAPABILITIES') ?? 'proxmox:read')
  for (const word of granted) {
    if (capabilityWords.includes(word)) continue
    const near = suggest(word, capabilityWords)
    const hint = near === undefined ? 'write capabilities like proxmox:read,proxmox:control' : `did you mean ${near}?`
    reading.report('error', `${reading.prefix}CAPABILITIES`, { what: `${quoted(word)} is no capability`, hint })
  }
  const reached = connection(prefixes, reading)
  return {
    id: name,
    kind: 'proxmox',
    tags: [],
    capabilities: expandCapabilities(granted),
    constraints: defaultConstraints,
    cluster: name,
    prefixes,
    defaults: reached.defaults,
    connection: reached,
  }
}

function connection(prefixes: readonly string[], reading: Reading): ProxmoxConnection {
  const { read } = reading
  return {
    kind: 'proxmox',
    ...credentials(reading),
    apiUrls: apiUrls(reading),
    nodes: {},
    prefixes,
    tls: { verify: verifies(reading), fingerprints: fingerprints(read) },
    defaults: { node: read('DEFAULT_NODE'), storage: read('DEFAULT_STORAGE'), bridge: read('DEFAULT_BRIDGE') },
    discovery: discovery(undefined, { config: '/', home: undefined }),
    region: read('REGION'),
    tier: read('TIER'),
  }
}

function fingerprints(read: Reading['read']): readonly string[] | undefined {
  const listed = words(read('FINGERPRINT'))
  return listed.length === 0 ? undefined : listed
}

/** A token; or a user and a password where no part of a token is given. */
function credentials({ read, prefix, report }: Reading) {
  const tokenId = read('TOKEN_ID') ?? oldTokenId(read)
  const secret = read('TOKEN_SECRET') ?? read('TOKEN_VALUE')
  const [username, password] = [read('USERNAME'), read('PASSWORD')]
  if (tokenId === undefined && secret === undefined && username !== undefined && password !== undefined)
    return { username, password: new Secret(password) }
  if (tokenId !== undefined && secret !== undefined) return { tokenId, tokenSecret: new Secret(secret) }
  report('error', `${prefix}${tokenId === undefined ? 'TOKEN_ID' : 'TOKEN_SECRET'}`, {
    what: 'is not set',
    hint: `make an API token in Proxmox and set it, or ${prefix}USERNAME and ${prefix}PASSWORD`,
  })
  return {}
}

function oldTokenId(read: Reading['read']): string | undefined {
  const name = read('TOKEN_NAME')
  return name === undefined ? undefined : `${read('USERNAME') ?? 'root@pam'}!${name}`
}

function apiUrls({ read, prefix, report }: Reading): readonly string[] {
  const host = read('HOST')
  const urls = words(read('API_URL') ?? (host === undefined ? undefined : `https://${host}:8006`))
  if (urls.length === 0)
    report('error', `${prefix}API_URL`, { what: 'is not set', hint: 'write it like https://pve1:8006' })
  for (const url of urls) {
    if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) continue
    report('error', `${prefix}API_URL`, {
      what: `${quoted(url)} is no http or https URL`,
      hint: 'write it like https://pve1:8006',
    })
  }
  return urls.map(withoutSlash)
}

function verifies({ read, prefix, report }: Reading): boolean {
  const text = (read('VERIFY') ?? read('VERIFY_SSL') ?? 'true').toLowerCase()
  if (/^(true|1|yes|on)$/.test(text)) return true
  if (/^(false|0|no|off)$/.test(text)) {
    if (read('FINGERPRINT') === undefined)
      report('warning', `${prefix}VERIFY`, { what: 'is off: anyone may answer', hint: `set ${prefix}FINGERPRINT` })
    return false
  }
  report('error', `${prefix}VERIFY`, { what: `${quoted(text)} is neither true nor false`, hint: 'write true or false' })
  return true
}
