import type { RawOf } from './build-connection.ts'
import { type Finding, type Path, pathText, quoted } from './problem.ts'
import type { RawTarget } from './schema.ts'
import { suggest } from './suggest.ts'

/** Executor of every declared target, by id, also of those with problems. */
export type Declared = ReadonlyMap<string, string>

/** What no single key shows: references between targets, and keys that do not go together. */
export function crossCheck(id: string, raw: RawTarget, declared: Declared): readonly Finding[] {
  const path: Path = ['targets', id]
  const common = [...otherId(id, raw), ...sudo(path, raw)]
  switch (raw.executor) {
    case 'local':
      return common
    case 'ssh':
      return [...common, ...jump(id, raw, declared)]
    case 'docker':
      return [...common, ...docker(path, raw, declared)]
    case 'http':
      return [...common, ...http(path, raw)]
    case 'proxmox':
      return [...common, ...proxmox(path, raw, declared)]
  }
}

const error = (path: Path, what: string, hint: string): Finding => ({
  severity: 'error',
  path,
  what: `${pathText(path)} ${what}`,
  hint,
})

const warning = (path: Path, what: string, hint: string): Finding => ({
  ...error(path, what, hint),
  severity: 'warning',
})

function otherId(id: string, raw: RawTarget): readonly Finding[] {
  if (raw.id === undefined || raw.id === id) return []
  return [warning(['targets', id, 'id'], `${quoted(raw.id)} is ignored`, `the key names the target: ${id}`)]
}

function sudo(path: Path, { constraints }: RawTarget): readonly Finding[] {
  if (constraints === undefined) return []
  const { sudo_policy: policy, sudo_commands: commands } = constraints
  const at = [...path, 'constraints', 'sudo_commands']
  if (policy === 'limited' && commands.length === 0)
    return [warning([...path, 'constraints', 'sudo_policy'], 'is limited to no command', 'list them in sudo_commands')]
  if (policy !== 'limited' && commands.length > 0)
    return [warning(at, `does nothing with sudo_policy ${policy}`, 'set sudo_policy: limited')]
  return []
}

function jump(id: string, { connection }: RawOf<'ssh'>, declared: Declared): readonly Finding[] {
  const to = connection?.jump
  const path = ['targets', id, 'connection', 'jump']
  if (to === undefined) return []
  if (to === id) return [error(path, 'leads back to this target', 'name another ssh target')]
  return reference(path, to, { declared, kinds: ['ssh'], severity: 'warning' })
}

interface Wanted {
  readonly declared: Declared
  readonly kinds: readonly string[]
  readonly severity: 'error' | 'warning'
}

function reference(path: Path, to: string, { declared, kinds, severity }: Wanted): readonly Finding[] {
  const kind = declared.get(to)
  if (kind !== undefined && kinds.includes(kind)) return []
  const fitting = [...declared].filter(([, executor]) => kinds.includes(executor)).map(([other]) => other)
  const near = suggest(to, fitting)
  const hint =
    near === undefined ? `declare ${quoted(to)} under targets with executor: ${kinds[0]}` : `did you mean ${near}?`
  const what =
    kind === undefined
      ? `names ${quoted(to)}, which is no target of this file`
      : `names ${quoted(to)}, a ${kind} target`
  return [{ ...error(path, what, hint), severity }]
}

function docker(path: Path, { connection = {} }: RawOf<'docker'>, declared: Declared): readonly Finding[] {
  const at = [...path, 'connection']
  const { via, host, socket_path: socket, cert_path: certs } = connection
  const found =
    via === undefined ? [] : reference([...at, 'via'], via, { declared, kinds: ['ssh', 'local'], severity: 'error' })
  if (host !== undefined && (via !== undefined || socket !== undefined))
    return [
      ...found,
      error([...at, 'host'], 'contradicts via or socket_path', 'keep one of host, and socket_path with or without via'),
    ]
  if (host !== undefined && !host.startsWith('unix:') && certs === undefined)
    return [
      ...found,
      warning([...at, 'host'], 'is reached without a client certificate', 'set tls_verify: true and cert_path'),
    ]
  return found
}

function http(path: Path, { connection = {}, endpoints = {} }: RawOf<'http'>): readonly Finding[] {
  const at = [...path, 'connection']
  const missing =
    connection.base_url === undefined
      ? [warning([...at, 'base_url'], 'is missing: the service is unreachable', 'add base_url')]
      : []
  const twice =
    connection.token !== undefined && connection.basic !== undefined
      ? [error([...at, 'basic'], 'contradicts token', 'keep one of token and basic')]
      : []
  const reads = Object.entries(endpoints).flatMap(([name, { method, risk }]) =>
    risk === 'read' && method !== 'GET' && method !== 'HEAD'
      ? [error([...path, 'endpoints', name, 'risk'], `cannot be read for ${method}`, 'write risk: write, or use GET')]
      : [],
  )
  return [
    ...missing,
    ...twice,
    ...reads,
    ...fingerprints([...at, 'tls', 'fingerprint'], [connection.tls?.fingerprint ?? []].flat()),
  ]
}

function proxmox(path: Path, { connection = {} }: RawOf<'proxmox'>, declared: Declared): readonly Finding[] {
  const at = [...path, 'connection']
  const missing = (['api_url', ...credentials(connection)] as const)
    .filter((key) => connection[key] === undefined)
    .map((key) => warning([...at, key], 'is missing: the cluster is unreachable', `add ${key}`))
  const nodes = Object.entries(connection.nodes ?? {}).flatMap(([node, to]) =>
    reference([...at, 'nodes', node], to, { declared, kinds: ['ssh'], severity: 'warning' }),
  )
  const token = connection.token_id ?? connection.token_secret
  const login = connection.username ?? connection.password
  const twice =
    token !== undefined && login !== undefined
      ? [
          error(
            [...at, connection.username === undefined ? 'password' : 'username'],
            'contradicts token_id and token_secret',
            'keep one of token_id with token_secret, and username with password; a token is better',
          ),
        ]
      : []
  const unchecked = connection.verify === false && connection.fingerprint === undefined
  const trust = unchecked
    ? [warning([...at, 'verify'], 'is off: anyone may answer', 'add the fingerprint of the certificate')]
    : []
  return [
    ...missing,
    ...twice,
    ...nodes,
    ...trust,
    ...fingerprints([...at, 'fingerprint'], connection.fingerprint ?? []),
  ]
}

/** What must be given: a login where one was begun, else a token. */
function credentials({ username, password, token_id: tokenId }: NonNullable<RawOf<'proxmox'>['connection']>) {
  const login = tokenId === undefined && (username !== undefined || password !== undefined)
  return login ? (['username', 'password'] as const) : (['token_id', 'token_secret'] as const)
}

function fingerprints(path: Path, values: readonly string[]): readonly Finding[] {
  const hint = 'write 32 hexadecimal bytes with colons, as openssl x509 -fingerprint -sha256 prints them'
  return values.flatMap((value, index) => {
    if (/^([0-9a-f]{2}:){31}[0-9a-f]{2}$/i.test(value)) return []
    const at = values.length === 1 ? path : [...path, index]
    return [warning(at, 'is no SHA-256 fingerprint: no certificate will match', hint)]
  })
}
