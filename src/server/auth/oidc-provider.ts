import { createLocalJWKSet } from 'jose'
import { z } from 'zod'
import { GatewayError } from '../../core/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Secret } from '../../lib/secret.ts'
import { fetchJson } from './fetch-json.ts'
import { kept } from './kept.ts'

/** The identity provider as it is configured. */
export interface ProviderSettings {
  /** What its tokens name as their issuer. */
  readonly issuer: string
  /** How the gateway identifies itself where it asks about tokens; TSIDP knows a machine of the tailnet without. */
  readonly client?: { readonly id: string; readonly secret: Secret } | undefined
}

/** What the identity provider says of itself. */
export interface ProviderMetadata {
  readonly issuer: string
  readonly scopes: readonly string[]
  readonly jwksUri: string | undefined
  readonly introspectionEndpoint: string | undefined
}

export type KeySet = ReturnType<typeof createLocalJWKSet>

/** The identity provider. Every question of it may be answered by GatewayError unreachable or unexpected_reply. */
export interface Provider {
  readonly issuer: string
  metadata(): Promise<ProviderMetadata>
  /** Its keys; undefined when it has none. */
  keys(maxAgeMs?: number): Promise<KeySet | undefined>
  /** What it says of an opaque token; undefined when it cannot be asked. */
  introspect(token: string): Promise<unknown>
}

const minuteMs = 60_000

export function openProvider({ issuer, client }: ProviderSettings, clock: Clock): Provider {
  const keeping = { clock, retryMs: 5000 }
  const metadata = kept({ ...keeping, keepMs: 60 * minuteMs }, () => discover(issuer, clock))
  const keys = kept({ ...keeping, keepMs: 10 * minuteMs }, async () => {
    const { jwksUri } = await metadata()
    return jwksUri === undefined ? undefined : keySet(jwksUri, clock)
  })
  return {
    issuer,
    metadata: () => metadata(),
    keys,
    async introspect(token) {
      const { introspectionEndpoint } = await metadata()
      if (introspectionEndpoint === undefined) return undefined
      const body = new URLSearchParams({ token, token_type_hint: 'access_token' })
      return fetchJson(introspectionEndpoint, { clock, body, headers: client === undefined ? {} : basic(client) })
    },
  }
}

const metadataReply = z.object({
  issuer: z.string(),
  scopes_supported: z.array(z.string()).optional(),
  jwks_uri: z.url().optional(),
  introspection_endpoint: z.url().optional(),
})

/** OpenID Connect Discovery first, then RFC 8414. @throws GatewayError unreachable, unexpected_reply */
async function discover(issuer: string, clock: Clock): Promise<ProviderMetadata> {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/+$/, '')
  const reply = await fetchJson(`${origin}${path}/.well-known/openid-configuration`, { clock }).catch(
    (error: unknown) => {
      if (GatewayError.from(error).code === 'unreachable') throw error
      return fetchJson(`${origin}/.well-known/oauth-authorization-server${path}`, { clock })
    },
  )
  const { success, data } = metadataReply.safeParse(reply)
  if (!success) throw new GatewayError('unexpected_reply', `the metadata of ${issuer} are not understood`)
  if (withoutSlash(data.issuer) !== withoutSlash(issuer))
    throw new GatewayError('unexpected_reply', `the metadata of ${issuer} are those of another issuer`)
  return {
    issuer: data.issuer,
    scopes: data.scopes_supported ?? [],
    jwksUri: asSafeAs(issuer, data.jwks_uri),
    introspectionEndpoint: asSafeAs(issuer, data.introspection_endpoint),
  }
}

const withoutSlash = (url: string): string => url.replace(/\/$/, '')

/** Tokens and keys go over TLS where the issuer has it. @throws GatewayError unexpected_reply */
function asSafeAs(issuer: string, url: string | undefined): string | undefined {
  if (url === undefined || new URL(url).protocol === 'https:' || new URL(url).origin === new URL(issuer).origin)
    return url
  throw new GatewayError('unexpected_reply', `the metadata of ${issuer} name an address without TLS`)
}

const keysReply = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) })

async function keySet(uri: string, clock: Clock): Promise<KeySet> {
  const { success, data } = keysReply.safeParse(await fetchJson(uri, { clock }))
  if (!success) throw new GatewayError('unexpected_reply', `${uri} answered no set of keys`)
  return createLocalJWKSet(data)
}

/** RFC 6749 §2.3.1: both are form-encoded first. */
function basic({ id, secret }: { readonly id: string; readonly secret: Secret }): Readonly<Record<string, string>> {
  const formEncoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  const credentials = `${formEncoded(id)}:${formEncoded(secret.reveal())}`
  return { Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}
