import { capabilities, expandCapabilities } from '../../core/capability.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/log.ts'
import { type Authenticate, bearerToken, cannotAuthenticate, type Offer, unauthorized } from './authenticated.ts'
import { type ClaimNames, callerOfClaims } from './oidc-claims.ts'
import { openProvider, type ProviderSettings } from './oidc-provider.ts'
import { toleratedSeconds, verifyToken } from './oidc-verify.ts'
import { openVerdicts } from './verdicts.ts'

/** What the gateway as an OAuth resource server is made of. */
export interface OidcParts {
  readonly settings: ProviderSettings & { readonly claims: ClaimNames }
  /** The URL that clients use, without slash at the end. */
  readonly baseUrl: string
  readonly clock: Clock
  readonly log: Logger
}

/** OAuth 2.1 resource server: tokens of one identity provider, for this gateway alone. */
export interface Oidc {
  readonly authenticate: Authenticate
  /** RFC 9728: which gateway this is, and who gives tokens for it. */
  metadata(): Promise<Response>
}

/** A token with many groups is long; more than this is none. */
const longestHeader = 16 * 1024

export function oidcAuth({ settings, baseUrl, clock, log }: OidcParts): Oidc {
  const resource = `${baseUrl}/mcp`
  const resourceMetadata = `${baseUrl}${metadataPaths.mcp}`
  const provider = openProvider(settings, clock)
  const verdicts = openVerdicts(clock, async (token) => {
    const read = await verifyToken({ provider, resource, clock }, token)
    if ('refused' in read) return read
    const { scopes } = await provider.metadata()
    const stepUp = { gives: (scope: string) => scopes.includes(scope), resourceMetadata }
    const givesScopes = capabilities.some((scope) => scopes.includes(scope))
    const caller = callerOfClaims(read.claims, { issuer: settings.issuer, names: settings.claims, givesScopes })
    const expiresAtMs = (read.claims.exp + toleratedSeconds) * 1000
    return { good: { caller, stepUp }, expiresAtMs }
  })
  let told: unknown
  // Whoever waits for the same answer fails by the same error.
  const unavailable = (error: unknown): undefined => {
    if (error !== told) log.warn('identity provider', { error })
    told = error
    return undefined
  }
  const known = () => provider.metadata().catch(unavailable)
  const refuse = async (description?: string): Promise<Response> => {
    const scopes = useful((await known())?.scopes, expandCapabilities(['readonly']))
    const offer: Offer = { scopes, resourceMetadata, hint: `log in at ${settings.issuer}` }
    return unauthorized(offer, description === undefined ? undefined : { description })
  }
  return {
    async authenticate(request) {
      const token = bearerToken(request, longestHeader)
      if (token === 'none') return refuse()
      if (token === undefined) return refuse('the Authorization header carries no bearer token')
      const verdict = await verdicts.of(token).catch(unavailable)
      if (verdict === undefined) return cannotAuthenticate()
      if ('refused' in verdict) return refuse(`the token is refused: ${verdict.refused}`)
      return { ...verdict.good, stillValid: verdicts.watch(token, verdict) }
    },
    async metadata() {
      const said = await known()
      const scopes = useful(said?.scopes, capabilities)
      return Response.json({
        resource,
        // As the provider itself writes it: clients compare.
        authorization_servers: [said?.issuer ?? settings.issuer],
        bearer_methods_supported: ['header'],
        resource_name: 'TailOps',
        ...(scopes.length > 0 && { scopes_supported: scopes }),
      })
    },
  }
}

/** Where the metadata are: of the endpoint, and of the whole server (RFC 9728 §3.1). */
export const metadataPaths = {
  mcp: '/.well-known/oauth-protected-resource/mcp',
  root: '/.well-known/oauth-protected-resource',
} as const

/** What to ask for at login: of our scopes those that the provider gives; where it gives none, who logs in is all. */
function useful(given: readonly string[] | undefined, wanted: readonly string[]): readonly string[] {
  if (given === undefined) return []
  const ours = wanted.filter((scope) => given.includes(scope))
  return ours.length > 0 ? ours : ['openid', 'profile', 'email'].filter((scope) => given.includes(scope))
}
