import { isAbsolute, join } from 'node:path'
import type { Kept } from './migrate-kept.ts'
import { proxmoxConnection } from './migrate-proxmox.ts'
import type { Report } from './migrate-report.ts'
import { type Fields, isFields, plainValue, textOf } from './migrate-values.ts'
import { type Path, pathText } from './problem.ts'

/** What a target is made with. */
export interface Making {
  readonly kept: Kept
  readonly report: Report
  /** The folder of the old file: relative paths counted from there at best. */
  readonly folder: string
}

/** Old spellings of keys, by executor. */
const spellings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ssh: {
    hostname: 'host',
    address: 'host',
    user: 'username',
    identity_file: 'key_path',
    private_key_path: 'key_path',
    ssh_key: 'key_path',
    credential_path: 'key_path',
  },
  docker: { socket: 'socket_path', url: 'host', certs: 'cert_path' },
  http: { url: 'base_url', api_url: 'base_url', bearer_token: 'token' },
}

const secretKeys: readonly string[] = ['password', 'passphrase', 'token']
const typedKeys: readonly string[] = ['port', 'timeout', 'tls_verify', 'agent', 'accept_new']
const pathKeys: readonly string[] = ['key_path', 'known_hosts', 'cert_path']

/** How a target is reached, in the words of today. Undefined when nothing of it is left. */
export function oldConnection(id: string, kind: string, at: { old: unknown; making: Making }): Fields | undefined {
  const { old, making } = at
  const path: Path = ['targets', id, 'connection']
  if (old === undefined || old === null) return undefined
  if (!isFields(old)) {
    making.report.add('dropped', path, 'is no map')
    return undefined
  }
  if (kind === 'local') {
    making.report.add('dropped', path, 'the local machine needs none')
    return undefined
  }
  if (kind !== 'proxmox') return renamed(id, kind, { old, making })
  const { connection, remarks } = proxmoxConnection(id, old, making.kept)
  for (const [key, value] of Object.entries(old)) {
    if (value !== null && value !== connection[key])
      making.report.add('changed', [...path, key], `is said by ${Object.keys(connection).join(', ')} now`)
  }
  for (const remark of remarks) making.report.add('changed', pathText(path), remark)
  return connection
}

function renamed(id: string, kind: string, { old, making }: { old: Fields; making: Making }): Fields {
  const path: Path = ['targets', id, 'connection']
  const { report } = making
  const made = new Map<string, unknown>()
  const isOurs = ([spelled]: readonly [string, unknown]) => spellings[kind]?.[spelled] === undefined
  const entries = Object.entries(old).filter(([, value]) => value !== null)
  for (const [spelled, value] of [...entries.filter(isOurs), ...entries.filter((entry) => !isOurs(entry))]) {
    const key = spellings[kind]?.[spelled] ?? spelled
    if (made.has(key)) {
      report.add('dropped', [...path, spelled], `${key} says it already`)
      continue
    }
    const now = oneValue(value, { id, key, making })
    made.set(key, now.value)
    const how = [key === spelled ? undefined : `is called ${key} now`, now.how].filter((part) => part !== undefined)
    if (how.length > 0) report.add('changed', [...path, spelled], how.join('; '))
  }
  return Object.fromEntries(made)
}

interface Now {
  readonly value: unknown
  readonly how?: string
}

function oneValue(value: unknown, { id, key, making }: { id: string; key: string; making: Making }): Now {
  if ((key === 'headers' || key === 'basic') && isFields(value)) return secretsWithin(value, { id, key, making })
  if (secretKeys.includes(key)) {
    const text = textOf(value)
    if (text === undefined) return { value }
    const reference = making.kept.secret(id, key, text)
    return reference === text ? { value } : { value: reference, how: `the secret is in the environment file` }
  }
  if (typedKeys.includes(key)) {
    const typed = plainValue(value)
    return typed === value ? { value } : { value: typed, how: `text became ${typeof typed}` }
  }
  if (key === 'host' && typeof value === 'number') return { value: String(value), how: 'a number became text' }
  const isRelative = typeof value === 'string' && !/^([$~/]|file:|keys\/)/.test(value) && !isAbsolute(value)
  if (!pathKeys.includes(key) || !isRelative) return { value }
  const whole = join(making.folder, value)
  return { value: whole, how: `relative path, now ${whole}` }
}

/** Headers are secret, each; of a login the password is. */
function secretsWithin(value: Fields, { id, key, making }: { id: string; key: string; making: Making }): Now {
  const made = Object.entries(value).map(([name, field]) => {
    const text = textOf(field)
    const isPlain = text === undefined || name === 'username'
    return [name, isPlain ? field : making.kept.secret(id, `${key}_${name}`, text)] as const
  })
  const isSame = made.every(([name, field]) => field === value[name])
  return { value: Object.fromEntries(made), ...(!isSame && { how: 'its secrets are in the environment file' }) }
}

/** Tells what an old ssh target did and ours does not. */
export function remarkOnTrust(id: string, connection: Fields | undefined, { report }: Making): void {
  if (['host_key', 'known_hosts', 'accept_new'].some((key) => connection?.[key] !== undefined)) return
  const how = 'narrower: an unknown host key is refused; add host_key, known_hosts or accept_new: true there'
  report.add('changed', pathText(['targets', id, 'connection']), how)
}
