import { parseJson } from '../lib/json.ts'
import type { Kept } from './migrate-kept.ts'
import { proxmoxConnection } from './migrate-proxmox.ts'
import type { OldVariables } from './migrate-references.ts'
import type { Report } from './migrate-report.ts'
import { type Fields, isFields, withoutEmptyKeys, wordOf } from './migrate-values.ts'

/** Clusters of an old environment as targets, and the variables that said so. */
export interface OldClusters {
  readonly targets: ReadonlyMap<string, Fields>
  readonly used: ReadonlySet<string>
}

/** Keys of a cluster's variables, as the connection calls them. */
const connectionKeys: Readonly<Record<string, string>> = {
  API_URL: 'api_url',
  HOST: 'host',
  PORT: 'port',
  TOKEN_ID: 'token_id',
  TOKEN_SECRET: 'token_secret',
  USERNAME: 'username',
  USER: 'username',
  PASSWORD: 'password',
  TOKEN_NAME: 'token_name',
  TOKEN_VALUE: 'token_value',
  VERIFY: 'verify',
  VERIFY_SSL: 'verify_ssl',
  FINGERPRINT: 'fingerprint',
}

const defaultKeys = ['node', 'storage', 'bridge'] as const

/** `PROXMOX_CLUSTERS` with a set of variables for each, or one cluster of `PROXMOX_HOST` or `PROXMOX_API_URL`. */
export function oldClusters(variables: OldVariables, kept: Kept, report: Report): OldClusters {
  const used = new Set<string>()
  const listed = (variables.get('PROXMOX_CLUSTERS') ?? '').split(',').map((name) => name.trim())
  const names = [...new Set(listed)].filter((name) => name !== '')
  const targets = new Map<string, Fields>()
  for (const name of names) {
    const id = wordOf(name)
    if (id === '' || targets.has(id))
      report.add('dropped', 'PROXMOX_CLUSTERS', `${JSON.stringify(name)} is no name of its own`)
    else targets.set(id, cluster(id, `PROXMOX_CLUSTER_${name}_`, { variables, kept, report, used }))
  }
  if (names.length > 0) {
    used.add('PROXMOX_CLUSTERS')
    report.add('changed', 'PROXMOX_CLUSTERS', `are the targets ${[...targets.keys()].join(', ')} now`)
  } else if (variables.get('PROXMOX_API_URL') || variables.get('PROXMOX_HOST'))
    targets.set('proxmox', cluster('proxmox', 'PROXMOX_', { variables, kept, report, used }))
  prefixes(variables, targets, { report, used })
  return { targets, used }
}

interface Making {
  readonly variables: OldVariables
  readonly kept: Kept
  readonly report: Report
  readonly used: Set<string>
}

function cluster(id: string, prefix: string, { variables, kept, report, used }: Making): Fields {
  const shell = prefix.toUpperCase().replace(/[^A-Z0-9]/g, '_')
  const read = (key: string): string | undefined => {
    const name = [prefix + key, shell + key].find((candidate) => variables.get(candidate))
    if (name === undefined) return undefined
    used.add(name)
    report.add('changed', name, `is at the target ${id} now`)
    return variables.get(name)
  }
  const spelled = Object.entries(connectionKeys).map(([key, name]) => [name, read(key)] as const)
  const old = Object.fromEntries(spelled.filter(([, value]) => value !== undefined))
  const { connection, remarks } = proxmoxConnection(id, old, kept)
  for (const remark of remarks) report.add('changed', `${prefix}*`, remark)
  report.add('changed', `${prefix}*`, 'narrower: grants proxmox:read; add proxmox:control to capabilities for changes')
  const defaults = withoutEmptyKeys(
    Object.fromEntries(defaultKeys.map((key) => [key, read(`DEFAULT_${key.toUpperCase()}`)])),
  )
  return withoutEmptyKeys({
    executor: 'proxmox',
    connection,
    defaults: Object.keys(defaults).length === 0 ? undefined : defaults,
    region: read('REGION'),
    tier: read('TIER'),
    capabilities: ['proxmox:read'],
  })
}

function prefixes(
  variables: OldVariables,
  targets: Map<string, Fields>,
  { report, used }: { report: Report; used: Set<string> },
): void {
  const text = variables.get('PROXMOX_CLUSTER_PATTERNS')?.trim()
  if (text === undefined || text === '') return
  used.add('PROXMOX_CLUSTER_PATTERNS')
  const json = text.startsWith('{') ? parseJson(text) : undefined
  const pairs: readonly (readonly [string, string])[] = isFields(json)
    ? Object.entries(json).map(([start, name]) => [start, String(name)])
    : text
        .split(',')
        .map((pair) => [pair.slice(0, pair.lastIndexOf(':')).trim(), pair.slice(pair.lastIndexOf(':') + 1).trim()])
  for (const [start, name] of pairs) {
    const target = targets.get(wordOf(name))
    if (target === undefined || start === '') {
      report.add('dropped', 'PROXMOX_CLUSTER_PATTERNS', `${JSON.stringify(`${start}:${name}`)} names no cluster`)
      continue
    }
    const connection = isFields(target['connection']) ? target['connection'] : {}
    const known: unknown = connection['prefixes']
    const all = [...(Array.isArray(known) ? known : []), start]
    targets.set(wordOf(name), { ...target, connection: { ...connection, prefixes: all } })
    report.add('changed', 'PROXMOX_CLUSTER_PATTERNS', `${start} is in connection.prefixes of ${name} now`)
  }
}
