import type { Capability } from '../../core/capability.ts'
import type { Caller } from '../../core/target.ts'
import type { Peer } from '../peer.ts'

/** A request whose caller is known. */
export interface Authenticated {
  readonly caller: Caller
  /** Whether what proved the caller still does; asked again while a stream is open. */
  stillValid(): boolean
  /** How the caller may get a scope that it lacks; undefined: a scope would not help. */
  readonly stepUp?: StepUp | undefined
}

/** What logging in anew may give. */
export interface StepUp {
  gives(scope: Capability): boolean
  readonly resourceMetadata?: string | undefined
}

/** Request → caller, or the answer that refuses it. */
export type Authenticate = (
  request: Request,
  peer?: Peer,
) => Authenticated | Response | Promise<Authenticated | Response>

/** What a client without a valid token is told to do. */
export interface Offer {
  readonly scopes: readonly string[]
  /** URL of the document that says where tokens come from (RFC 9728). */
  readonly resourceMetadata?: string | undefined
  readonly hint: string
}

/** The token of one `Authorization: Bearer` header. Never the query, a cookie or the body. */
export function bearerToken(request: Request, longest: number): string | 'none' | undefined {
  const header = request.headers.get('authorization')
  if (header === null) return 'none'
  if (header.length > longest) return undefined
  // Two headers arrive joined by a comma, which no token has.
  return /^bearer +([\w.~+/-]+=*)$/i.exec(header)?.[1]
}

/** Answers 401 with its challenge (RFC 6750 §3). `error` is left out when no credentials were given, as §3.1 asks. */
export function unauthorized(offer: Offer, error?: { readonly description: string }): Response {
  const challenge = challengeOf({
    error: error === undefined ? undefined : 'invalid_token',
    error_description: error?.description,
    scope: offer.scopes.length === 0 ? undefined : offer.scopes.join(' '),
    resource_metadata: offer.resourceMetadata,
  })
  const body = {
    error: error === undefined ? 'unauthorized' : 'invalid_token',
    error_description: error?.description ?? offer.hint,
  }
  return Response.json(body, { status: 401, headers: { 'WWW-Authenticate': challenge } })
}

/** Answers 403 with every scope that the caller would need, those it holds included. */
export function insufficientScope(scopes: readonly string[], what: string, { resourceMetadata }: StepUp): Response {
  const said = { error: 'insufficient_scope', error_description: what, scope: scopes.join(' ') }
  const challenge = challengeOf({ ...said, resource_metadata: resourceMetadata })
  return Response.json(said, { status: 403, headers: { 'WWW-Authenticate': challenge } })
}

/** Answers 503: who calls cannot be found out now. A 401 would make clients log in again, in vain. */
export function cannotAuthenticate(): Response {
  const description = 'the gateway cannot find out now who you are; its log says why'
  const body = { error: 'temporarily_unavailable', error_description: description }
  return Response.json(body, { status: 503, headers: { 'Retry-After': '5' } })
}

/** Answers 403: no credentials would help. */
export const forbidden = (description: string): Response =>
  Response.json({ error: 'forbidden', error_description: description }, { status: 403 })

function challengeOf(said: Readonly<Record<string, string | undefined>>): string {
  const parts = Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${value}"`]))
  return `Bearer ${['realm="tailops"', ...parts].join(', ')}`
}
