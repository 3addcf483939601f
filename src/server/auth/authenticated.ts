import type { Caller } from '../../core/target.ts'

/** A request whose caller is known. */
export interface Authenticated {
  readonly caller: Caller
  /** Whether what proved the caller still does; asked again while a stream is open. */
  stillValid(): boolean
}

/** Request → caller, or the answer that refuses it. */
export type Authenticate = (request: Request) => Authenticated | Response

/** Answers 401 with its challenge (RFC 6750 §3). `error` is left out when no credentials were given, as §3.1 asks. */
export function unauthorized(scopes: readonly string[], error?: { readonly description: string }): Response {
  const parts = [
    'realm="tailops"',
    ...(error === undefined ? [] : ['error="invalid_token"', `error_description="${error.description}"`]),
    `scope="${scopes.join(' ')}"`,
  ]
  const body = {
    error: error === undefined ? 'unauthorized' : 'invalid_token',
    error_description: error?.description ?? 'send Authorization: Bearer TOKEN; `tailops token mint` makes one',
  }
  return Response.json(body, { status: 401, headers: { 'WWW-Authenticate': `Bearer ${parts.join(', ')}` } })
}

/** Answers 403 with every scope that the caller would need, those it holds included. */
export function insufficientScope(scopes: readonly string[], what: string): Response {
  const challenge = `Bearer realm="tailops", error="insufficient_scope", error_description="${what}", scope="${scopes.join(' ')}"`
  const body = { error: 'insufficient_scope', error_description: what, scope: scopes.join(' ') }
  return Response.json(body, { status: 403, headers: { 'WWW-Authenticate': challenge } })
}
