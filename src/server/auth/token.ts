import { expandCapabilities } from '../../core/capability.ts'
import type { Tokens } from '../../core/ports.ts'
import { type Authenticate, unauthorized } from './authenticated.ts'

/** What a client without a token is told to ask for. */
const offered = expandCapabilities(['readonly'])

/** One `Authorization: Bearer` header, and a token that `tailops token mint` made. Never the query, a cookie or the body. */
export function tokenAuth(tokens: Tokens): Authenticate {
  return (request) => {
    const header = request.headers.get('authorization')
    if (header === null) return unauthorized(offered)
    // Two headers arrive joined by a comma, which no token has.
    const token = /^bearer +([\w.~+/-]{1,1000}=*)$/i.exec(header.slice(0, 1100))?.[1]
    const verified = token === undefined ? undefined : tokens.verify(token)
    if (token === undefined || verified === undefined)
      return unauthorized(offered, { description: 'the token is unknown, expired or revoked' })
    return { caller: verified.caller, stillValid: () => tokens.verify(token) !== undefined }
  }
}
