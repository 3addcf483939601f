import { createHash, createHmac } from 'node:crypto'
import type { SshConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { HostKeys } from '../core/ports.ts'

/** What decides whether a host key is the right one. */
export interface HostKeyRules {
  readonly id: string
  readonly connection: SshConnection
  /** Content of the known_hosts file, if one is named. */
  readonly knownHosts?: string | undefined
  readonly pins?: HostKeys | undefined
}

/** As `ssh-keygen -lf` prints it: `SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDqYy4hDDTUqbFRBMY`. */
export const fingerprintOf = (key: Uint8Array): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

/** Undefined for the right key, which is pinned when that is asked for; else why it is refused. */
export function refusalOf(rules: HostKeyRules, key: Uint8Array): GatewayError | undefined {
  const { id, connection, pins } = rules
  const seen = fingerprintOf(key)
  if (connection.hostKey !== undefined) {
    const expected = asFingerprint(connection.hostKey)
    return expected === seen ? undefined : changed(rules, seen, expected)
  }
  const known = entriesFor(rules.knownHosts ?? '', connection)
  if (known.some((entry) => entry.revoked && entry.fingerprint === seen)) return revoked(rules, seen)
  const accepted = known.filter((entry) => !entry.revoked)
  if (accepted.some((entry) => entry.fingerprint === seen)) return undefined
  if (accepted.length > 0)
    return changed(rules, seen, accepted.map(({ type, fingerprint }) => `${type} ${fingerprint}`).join(', '))
  if (!connection.acceptNew) return unknownKey(rules, seen)
  if (pins === undefined)
    return refused(`${id}: the host key ${seen} is new, and there is no place to remember it in`, acceptHint(seen))
  const pinned = pins.get(id)
  if (pinned !== undefined) return pinned === seen ? undefined : changed(rules, seen, pinned)
  pins.set(id, seen)
  return undefined
}

/** A fingerprint, or the key itself as in known_hosts: `ssh-ed25519 AAAA… comment`. */
function asFingerprint(text: string): string {
  if (text.startsWith('SHA256:')) return text.replace(/=+$/, '')
  const key = text
    .trim()
    .split(/\s+/)
    .find((word) => word.startsWith('AAAA'))
  return fingerprintOf(Buffer.from(key ?? text, 'base64'))
}

/** Types of the keys that are known of a host: a server with several keys is asked for one of these. */
export const knownTypes = (text: string, connection: SshConnection): readonly string[] =>
  entriesFor(text, connection)
    .filter(({ revoked }) => !revoked)
    .map(({ type }) => type)

interface KnownKey {
  readonly type: string
  readonly fingerprint: string
  readonly revoked: boolean
}

/** @see https://man.openbsd.org/sshd.8#SSH_KNOWN_HOSTS_FILE_FORMAT */
function entriesFor(text: string, { host, port }: SshConnection): readonly KnownKey[] {
  const name = (port === 22 ? host : `[${host}]:${port}`).toLowerCase()
  return text.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/)
    const mark = words[0]?.startsWith('@') ? words.shift() : undefined
    const [hosts, type, key] = words
    if (hosts === undefined || type === undefined || key === undefined || hosts.startsWith('#')) return []
    if ((mark !== undefined && mark !== '@revoked') || !namesHost(hosts, name)) return []
    return [{ type, fingerprint: fingerprintOf(Buffer.from(key, 'base64')), revoked: mark === '@revoked' }]
  })
}

function namesHost(hosts: string, name: string): boolean {
  const [, method, salt, hash] = hosts.split('|')
  if (hosts.startsWith('|'))
    return (
      method === '1' &&
      createHmac('sha1', Buffer.from(salt ?? '', 'base64'))
        .update(name)
        .digest('base64') === hash
    )
  const patterns = hosts.toLowerCase().split(',')
  if (patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), name))) return false
  return patterns.some((pattern) => matches(pattern, name))
}

function matches(pattern: string, name: string): boolean {
  const source = pattern.replaceAll(/[.*+?^${}()|[\]\\]/g, (sign) => ({ '*': '.*', '?': '.' })[sign] ?? `\\${sign}`)
  return new RegExp(`^${source}$`).test(name)
}

const refused = (message: string, hint: string) => new GatewayError('unreachable', message, { hint })

const acceptHint = (seen: string): string =>
  `compare it with \`ssh-keygen -lf\` of the host's key; if it is right, put host_key: "${seen}" under connection of the target in targets.yaml`

const changed = ({ id }: HostKeyRules, seen: string, expected: string) =>
  refused(
    `${id}: the host key has changed: it shows ${seen}, expected was ${expected}`,
    `someone may stand in between, or the host was installed anew: ${acceptHint(seen)}`,
  )

const unknownKey = ({ id, connection }: HostKeyRules, seen: string) =>
  refused(`${id}: ${connection.host} shows the host key ${seen}, which nobody has accepted`, acceptHint(seen))

const revoked = ({ id, connection }: HostKeyRules, seen: string) =>
  refused(
    `${id}: the host key ${seen} is marked @revoked in ${connection.knownHosts}`,
    'do not use this host before it has a new key',
  )
