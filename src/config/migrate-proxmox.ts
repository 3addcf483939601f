import type { Kept } from './migrate-kept.ts'
import { type Fields, plainValue, textOf, withoutEmptyKeys } from './migrate-values.ts'

/** A Proxmox connection in any old spelling, as one of ours, and what is worth saying of it. */
export interface ProxmoxTaken {
  readonly connection: Fields
  readonly remarks: readonly string[]
}

/** `host`, `port`, `username`, `token_name`, `api_token` … → `api_url`, `token_id`, `token_secret`. Secrets go into the environment file. */
export function proxmoxConnection(id: string, old: Fields, kept: Kept): ProxmoxTaken {
  const user = userOf(textOf(old['username']) ?? textOf(old['user']))
  const token = tokenOf(old, user)
  const password = textOf(old['password'])
  const remarks = [
    ...(token === undefined ? [] : token.remarks),
    ...(token?.secret !== undefined && password !== undefined
      ? ['the password is dropped: the API token is enough']
      : []),
    ...(token?.secret === undefined && password !== undefined
      ? ['logs in with a password; an API token is better']
      : []),
  ]
  const login =
    token?.secret === undefined && password !== undefined
      ? { username: user, password: kept.secret(id, 'password', password) }
      : {
          token_id: token?.id,
          token_secret: token?.secret === undefined ? undefined : kept.secret(id, 'token_secret', token.secret),
        }
  const connection = withoutEmptyKeys({
    api_url: apiUrl(old),
    ...login,
    verify: plainValue(old['verify'] ?? old['verify_ssl'] ?? old['ssl_verify']),
    fingerprint: old['fingerprint'],
    ca_file: old['ca_file'],
    timeout: plainValue(old['timeout']),
    nodes: old['nodes'],
    prefixes: old['prefixes'],
  })
  return { connection, remarks }
}

function apiUrl(old: Fields): unknown {
  const given = old['api_url'] ?? old['url']
  if (given !== undefined && given !== null) {
    const urls = [given].flat().flatMap((url) => String(url).split(','))
    const plain = urls.map((url) => url.trim().replace(/\/api2\/json\/?$/, ''))
    return plain.length === 1 ? plain[0] : plain
  }
  const host = textOf(old['host'])
  if (host === undefined) return undefined
  if (/^https?:\/\//.test(host)) return host.replace(/\/api2\/json\/?$/, '')
  const [, bare = host, own] = /^([^:]+|\[[^\]]+\]):(\d+)$/.exec(host) ?? []
  return `https://${bare}:${own ?? textOf(old['port']) ?? '8006'}`
}

const userOf = (user: string | undefined): string | undefined =>
  user === undefined || user.includes('@') ? user : `${user}@pam`

interface Token {
  readonly id: string
  readonly secret: string | undefined
  readonly remarks: readonly string[]
}

/** `user@realm!name` and its secret, also as `PVEAPIToken=user@realm!name=secret`. */
function tokenOf(old: Fields, user: string | undefined): Token | undefined {
  const spelled = (textOf(old['token_secret']) ?? textOf(old['token_value']) ?? textOf(old['api_token']))?.replace(
    /^PVEAPIToken=/,
    '',
  )
  const [, whole, inside] = /^([^=\s]+@[^=\s]+![^=\s]+)=(.+)$/.exec(spelled ?? '') ?? []
  if (whole !== undefined && inside !== undefined) return { id: whole, secret: inside, remarks: [] }
  const named = textOf(old['token_id']) ?? textOf(old['token_name'])
  if (named === undefined) return undefined
  if (named.includes('!')) return { id: named, secret: spelled, remarks: [] }
  const id = `${user ?? 'root@pam'}!${named}`
  return { id, secret: spelled, remarks: [`token_id is now ${id}`] }
}
