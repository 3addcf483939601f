import { errors, type JWTPayload, jwtVerify } from 'jose'
import { z } from 'zod'
import { GatewayError } from '../../core/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { parseJson } from '../../lib/json.ts'
import { type TokenClaims, tokenClaims } from './oidc-claims.ts'
import type { KeySet, Provider } from './oidc-provider.ts'

/** What a token says, or why it is refused, in words for its holder. */
export type TokenRead = { readonly claims: TokenClaims } | { readonly refused: string }

export interface VerifyParts {
  readonly provider: Provider
  /** The URL of this gateway, as a token must name it. */
  readonly resource: string
  readonly clock: Clock
}

/** Asymmetric ones only: with a public key nobody can make a token. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/** How much the clocks of provider and gateway may differ. */
export const toleratedSeconds = 5

/**
 * Reads a token: a JWT by the keys of the provider, anything else by asking the provider. One never becomes the other.
 * @throws GatewayError unreachable, unexpected_reply
 */
export function verifyToken(parts: VerifyParts, token: string): Promise<TokenRead> {
  return isJwt(token) ? verifyJwt(parts, token) : introspect(parts, token)
}

function isJwt(token: string): boolean {
  const [header = '', ...rest] = token.split('.')
  const read = parseJson(Buffer.from(header, 'base64url').toString())
  return rest.length === 2 && typeof read === 'object' && read !== null && 'alg' in read
}

async function verifyJwt({ provider, resource, clock }: VerifyParts, token: string): Promise<TokenRead> {
  const { issuer } = await provider.metadata()
  const options = { algorithms, issuer, audience: resource, clockTolerance: toleratedSeconds, currentDate: clock.now() }
  const verify = async (keys: KeySet) => jwtVerify(token, keys, { ...options, requiredClaims: ['sub', 'exp'] })
  const keys = await provider.keys()
  if (keys === undefined) return { refused: 'the identity provider signs no tokens' }
  try {
    const { payload, protectedHeader } = await verify(keys).catch(async (error: unknown) => {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      // A key that is new to us; at most every 30 s, whatever tokens say.
      return verify((await provider.keys(30_000)) ?? keys)
    })
    return isAccessToken(payload, protectedHeader.typ)
      ? usable(payload)
      : { refused: 'it is no access token; an ID token says only who logged in' }
  } catch (error) {
    if (error instanceof errors.JOSEError) return { refused: whyOf(error) }
    throw error
  }
}

/** RFC 9068 marks them. Providers that do not, tell access tokens from ID tokens by what those are for. */
function isAccessToken(payload: JWTPayload, typ = 'JWT'): boolean {
  const type = typ.toLowerCase().replace(/^application\//, '')
  if (type === 'at+jwt') return true
  const ofLogin = ['nonce', 'at_hash', 'c_hash', 's_hash'].some((name) => name in payload)
  const kind = payload['typ'] ?? 'Bearer'
  return type === 'jwt' && !ofLogin && kind === 'Bearer' && ('scope' in payload || 'scp' in payload)
}

function whyOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    const whys: Readonly<Record<string, string>> = {
      aud: 'it is for another service',
      iss: 'it is from another issuer',
      nbf: 'it is not valid yet',
    }
    return whys[error.claim] ?? `its claim ${error.claim} is missing or wrong`
  }
  return 'its signature does not hold'
}

const introspection = z.union([z.looseObject({ active: z.literal(true) }), z.object({ active: z.literal(false) })])

async function introspect({ provider, resource, clock }: VerifyParts, token: string): Promise<TokenRead> {
  const { issuer } = await provider.metadata()
  const reply = await provider.introspect(token)
  if (reply === undefined) return { refused: 'it is no JWT, and the identity provider cannot be asked' }
  const { success, data } = introspection.safeParse(reply)
  if (!success)
    throw new GatewayError('unexpected_reply', `${issuer} answered to a question about a token what is none`)
  if (!data.active) return { refused: 'it is unknown, expired or revoked' }
  const read = usable(data)
  if ('refused' in read) return read
  const { claims } = read
  const now = clock.now().getTime() / 1000
  if (claims.iss !== undefined && claims.iss !== issuer) return { refused: 'it is from another issuer' }
  if (![claims.aud].flat().includes(resource)) return { refused: 'it is for another service' }
  if (claims.exp + toleratedSeconds <= now) return { refused: 'it has expired' }
  if ((claims.nbf ?? 0) > now + toleratedSeconds) return { refused: 'it is not valid yet' }
  return read
}

function usable(payload: object): TokenRead {
  // RFC 9449 §7.1: a token of a key is no bearer token.
  if ('cnf' in payload) return { refused: 'it is bound to a key, and came without proof of it' }
  const { success, data, error } = tokenClaims.safeParse(payload)
  if (success) return { claims: data }
  return { refused: `its claim ${String(error.issues[0]?.path[0])} is missing or wrong` }
}
