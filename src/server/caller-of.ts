import type { AuthInfo } from '@modelcontextprotocol/server'
import { expandCapabilities } from '../core/capability.ts'
import type { Caller } from '../core/target.ts'

/** Who sends this message: the SDK carries a caller as AuthInfo from the HTTP side to its handlers. */
export function callerOf(authInfo: AuthInfo | undefined): Caller {
  if (authInfo === undefined) throw new TypeError('the HTTP side authenticates every request')
  return { id: authInfo.clientId, scopes: expandCapabilities(authInfo.scopes) }
}
