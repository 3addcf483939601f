/** A JSON-RPC request as text. */
export const rpc = (method: string, params: object = {}, id: unknown = 1): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params })

export const say = (word: string, id: unknown = 1): string =>
  rpc('tools/call', { name: 'say', arguments: { word } }, id)

export const wait = (word: string, id: unknown = 1): string =>
  rpc('tools/call', { name: 'wait', arguments: { word } }, id)

export const initialize = (protocolVersion = '2025-11-25'): string =>
  rpc('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } })

/** Headers of a well-behaved client. */
export const headersOf = (token: string | undefined, more: Record<string, string> = {}): Record<string, string> => ({
  ...(token !== undefined && { Authorization: `Bearer ${token}` }),
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
  ...more,
})

/** Sends one message and reads the whole answer. */
export async function send(url: string, body: string, headers: Record<string, string>, signal?: AbortSignal) {
  const response = await fetch(url, { method: 'POST', headers, body, ...(signal !== undefined && { signal }) })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** Opens a session; returns its id. */
export async function openSession(url: string, token: string): Promise<string> {
  const { status, headers, text } = await send(url, initialize(), headersOf(token))
  const id = headers.get('mcp-session-id')
  if (id === null) throw new Error(`no session: ${status} ${text}`)
  return id
}
