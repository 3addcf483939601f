import { expandCapabilities } from '../../core/capability.ts'
import type { Tokens } from '../../core/ports.ts'
import { type Authenticate, bearerToken, type Offer, unauthorized } from './authenticated.ts'

/** What a client without a token is told to ask for. */
const offer: Offer = {
  scopes: expandCapabilities(['readonly']),
  hint: 'send Authorization: Bearer TOKEN; `tailops token mint` makes one',
}

const stepUp = { gives: () => true }

/** A bearer token that `tailops token mint` made. */
export function tokenAuth(tokens: Tokens): Authenticate {
  return (request) => {
    const token = bearerToken(request, 4200)
    if (token === 'none') return unauthorized(offer)
    const verified = token === undefined ? undefined : tokens.verify(token)
    if (token === undefined || verified === undefined)
      return unauthorized(offer, { description: 'the token is unknown, expired or revoked' })
    return { caller: verified.caller, stillValid: () => tokens.verify(token) !== undefined, stepUp }
  }
}
