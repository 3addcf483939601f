import { importJWK, type JWK, type JWTPayload, SignJWT } from 'jose'
import type { OidcSettings } from '../../../src/config/auth-settings.ts'
import type { Caller } from '../../../src/core/target.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import { logger } from '../../../src/lib/log.ts'
import { oidcAuth } from '../../../src/server/auth/oidc.ts'
import type { IdentityProvider } from '../../support/identity-provider.ts'

export const baseUrl = 'https://gw.example.ts.net'
export const resource = `${baseUrl}/mcp`

/** The gateway's way in, before an identity provider. */
export interface OidcWorld {
  /** What a request with this token gets. */
  ask(token?: string, scheme?: string): Promise<Asked>
  metadata(): Promise<unknown>
  readonly logged: readonly string[]
}

export interface Asked {
  readonly status: number
  readonly caller?: Caller
  readonly stillValid?: () => boolean
  readonly challenge: string
}

export function openOidcWorld(issuer: string, clock: Clock, more: Partial<OidcSettings> = {}): OidcWorld {
  const logged: string[] = []
  const log = logger('debug', (line) => logged.push(line), clock.now)
  const settings = { issuer, claims: { groups: 'groups' }, ...more }
  const { authenticate, metadata } = oidcAuth({ settings, baseUrl, clock, log })
  return {
    logged,
    async ask(token, scheme = 'Bearer') {
      const headers = token === undefined ? undefined : { Authorization: `${scheme} ${token}` }
      const answer = await authenticate(new Request(resource, { method: 'POST', ...(headers && { headers }) }))
      if (answer instanceof Response)
        return { status: answer.status, challenge: answer.headers.get('www-authenticate') ?? '' }
      return { status: 200, caller: answer.caller, stillValid: answer.stillValid, challenge: '' }
    },
    metadata: async () => (await metadata()).json(),
  }
}

/** Claims of a token that is good now. */
export const goodClaims = ({ issuer }: IdentityProvider, clock: Clock): JWTPayload => ({
  iss: issuer,
  sub: 'ada',
  aud: resource,
  scope: 'system:read',
  iat: seconds(clock),
  exp: seconds(clock) + 300,
})

export const seconds = (clock: Clock): number => Math.floor(clock.now().getTime() / 1000)

/** A token signed with the provider's own key, whatever it says. */
export async function sign(key: JWK, claims: JWTPayload, header: object = {}): Promise<string> {
  const protectedHeader = { alg: 'RS256', typ: 'at+jwt', ...(key.kid !== undefined && { kid: key.kid }), ...header }
  return new SignJWT(claims).setProtectedHeader(protectedHeader).sign(await importJWK(key, protectedHeader.alg))
}
