import type { AuthInfo } from '@modelcontextprotocol/server'
import type { Caller } from '../core/target.ts'

const infos = new WeakMap<Caller, AuthInfo>()
const callers = new WeakMap<AuthInfo, Caller>()

/** A caller as the SDK carries it from the HTTP side to its handlers. Made once for each. */
export function authInfoOf(caller: Caller): AuthInfo {
  const known = infos.get(caller)
  if (known !== undefined) return known
  const info = { token: '', clientId: caller.id, scopes: [...caller.scopes] }
  infos.set(caller, info)
  callers.set(info, caller)
  return info
}

/** Who sends this message. */
export function callerOf(authInfo: AuthInfo | undefined): Caller {
  const caller = authInfo && callers.get(authInfo)
  if (caller === undefined) throw new TypeError('the HTTP side authenticates every request')
  return caller
}
