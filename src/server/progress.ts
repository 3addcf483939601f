import type { ServerContext } from '@modelcontextprotocol/server'

/** Tells a client that asked for it how far a call is (basic/utilities/progress). */
export function progressOf({ _meta, notify }: ServerContext['mcpReq']): ((message: string) => void) | undefined {
  const progressToken = _meta?.progressToken
  if (progressToken === undefined) return undefined
  let progress = 0
  return (message) => {
    progress += 1
    // A client that is gone cannot be told; the call itself ends by its signal.
    notify({ method: 'notifications/progress', params: { progressToken, progress, message } }).catch(() => undefined)
  }
}
