import { isAbsolute } from 'node:path'
import type { Secret } from '../lib/secret.ts'
import { type Reading, secret } from './env-reading.ts'
import { quoted } from './problem.ts'

/** The identity provider whose tokens are accepted. */
export interface OidcSettings {
  /** What its tokens name as their issuer. */
  readonly issuer: string
  /** How the gateway identifies itself where it asks about tokens. */
  readonly client?: { readonly id: string; readonly secret: Secret } | undefined
  readonly claims: {
    /** Undefined: `username`, or a verified `email`. */
    readonly login?: string | undefined
    readonly groups: string
  }
}

/** How the tailscaled of this machine is asked. */
export interface TailscaleSettings {
  readonly socketPath: string
  /** Name of the app capability whose values have scopes; undefined: no grant gives any. */
  readonly capability?: string | undefined
}

/** How callers over HTTP show who they are. */
export type AuthSettings =
  | { readonly mode: 'none' }
  | { readonly mode: 'token'; readonly tokens: TokenSettings }
  | { readonly mode: 'tailscale'; readonly tailscale: TailscaleSettings; readonly tokens?: TokenSettings | undefined }
  | {
      readonly mode: 'oidc'
      readonly oidc: OidcSettings
      readonly baseUrl: string
      readonly tokens?: TokenSettings | undefined
    }

/** Tokens of `tailops token mint` are accepted. */
export interface TokenSettings {
  /** The key that tokens of SystemManager were signed with; undefined: they are not accepted. */
  readonly oldSecret?: Secret | undefined
}

/** TAILOPS_AUTH_MODE and what belongs to it. */
export function authSettings(from: Reading, baseUrl: string | undefined): AuthSettings {
  const { spelled, report } = from
  const found = spelled('TAILOPS_AUTH_MODE') ?? { name: 'TAILOPS_AUTH_MODE', value: 'token' }
  const words = new Set(found.value.toLowerCase().split(/[\s,]+/))
  const tokens = words.delete('token') ? {} : undefined
  const [word, ...more] = words
  if (word === undefined) return { mode: 'token', tokens: { oldSecret: oldSecret(from) } }
  const instead: AuthSettings = { mode: 'token', tokens: {} }
  if (more.length === 0) {
    if (word === 'oidc' || word === 'oauth') return oidc(from, baseUrl, tokens) ?? instead
    if (word === 'tailscale') return { mode: 'tailscale', tailscale: tailscale(from), tokens }
    if (word === 'none' && tokens === undefined) return none(from, found.name) ?? instead
  }
  const hint = 'use token, oidc, tailscale, one of these with token (oidc,token), or none on loopback'
  report('error', found.name, `${quoted(found.value)} is no way to authenticate`, hint)
  return instead
}

function none({ spelled, report }: Reading, name: string): AuthSettings | undefined {
  const required = /^(true|1|yes)$/i.test(spelled('SYSTEMMANAGER_REQUIRE_AUTH')?.value ?? '')
  if (!required) return { mode: 'none' }
  report('error', name, 'is none, but SYSTEMMANAGER_REQUIRE_AUTH asks for it', 'unset one of the two')
  return undefined
}

/** Who can guess the key can make tokens: a short one, or the one of the old examples, opens nothing. */
function oldSecret({ spelled, report }: Reading): Secret | undefined {
  const found = spelled('SYSTEMMANAGER_SHARED_SECRET')
  if (found === undefined) return undefined
  if (found.value.length >= 16 && !/^(dev-secret|your-|change)/i.test(found.value)) return secret(found)
  report(
    'warning',
    found.name,
    'is too easy to guess: tokens signed with it are refused',
    'make tokens with tailops token mint',
  )
  return undefined
}

function tailscale({ spelled, report }: Reading): TailscaleSettings {
  const socket = spelled('TAILOPS_TAILSCALE_SOCKET')
  if (socket !== undefined && !isAbsolute(socket.value))
    report(
      'error',
      socket.name,
      `${quoted(socket.value)} is no absolute path`,
      'write it like /run/tailscale/tailscaled.sock',
    )
  const found = spelled('TAILOPS_APP_CAPABILITY')
  // As tailnet policies have them: a domain, a slash, a name.
  const isName = found === undefined || /^[a-z0-9-]+(\.[a-z0-9-]+)+\/[\w./-]+$/i.test(found.value)
  if (!isName)
    report(
      'error',
      found.name,
      `${quoted(found.value)} is no name of an app capability`,
      'write it like example.com/cap/tailops',
    )
  return {
    socketPath: socket?.value ?? '/run/tailscale/tailscaled.sock',
    capability: isName ? found?.value : undefined,
  }
}

function oidc(
  { spelled, report }: Reading,
  baseUrl: string | undefined,
  tokens: TokenSettings | undefined,
): AuthSettings | undefined {
  const issuer = spelled('TSIDP_URL')
  if (issuer === undefined || !isIssuer(issuer.value)) {
    report(
      'error',
      issuer?.name ?? 'TSIDP_URL',
      issuer === undefined ? 'is not set' : 'is no https URL',
      'write the issuer as the provider does, like https://idp.example.ts.net',
    )
    return undefined
  }
  if (baseUrl === undefined) {
    const hint = 'write the URL that clients use, without /mcp: tokens must name it'
    report('error', 'TAILOPS_BASE_URL', 'is not set', hint)
    return undefined
  }
  const login = spelled('TAILOPS_LOGIN_CLAIM')?.value
  const groups = spelled('TAILOPS_GROUPS_CLAIM')?.value ?? 'groups'
  const client = clientOf({ spelled, report })
  return { mode: 'oidc', baseUrl, tokens, oidc: { issuer: issuer.value, client, claims: { login, groups } } }
}

/** https, or http where nothing leaves the machine. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password, search, hash } = new URL(text)
  if (`${username}${password}${search}${hash}` !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
}

function clientOf({ spelled, report }: Reading): OidcSettings['client'] {
  const id = spelled('TSIDP_CLIENT_ID')
  const found = spelled('TSIDP_CLIENT_SECRET')
  const own = secret(found)
  if (id !== undefined && own !== undefined) return { id: id.value, secret: own }
  const alone = id ?? found
  if (alone !== undefined)
    report('error', alone.name, 'is set alone', 'set TSIDP_CLIENT_ID and TSIDP_CLIENT_SECRET, or none')
  return undefined
}
