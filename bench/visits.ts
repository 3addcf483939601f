import type { Question } from './questions.ts'
import type { Running } from './servers.ts'

/** What a client does from coming to going. @throws when an answer is not what it should be */
export type Visit = (running: Running, questions: readonly Question[]) => Promise<void>

/** The ways in which clients come. */
export const visits: Readonly<Record<string, Visit>> = {
  async plain(running, questions) {
    for (const question of questions) await answered(running, question, {})
  },
  async modern(running, questions) {
    for (const question of questions) {
      const { method, params } = question
      const name = typeof params['name'] === 'string' ? { 'Mcp-Name': params['name'] } : undefined
      await answered(
        running,
        { ...question, params: { ...params, _meta: modernMeta } },
        { 'MCP-Protocol-Version': modernRevision, 'Mcp-Method': method, ...name },
      )
    }
  },
  async session(running, questions) {
    const headers = await opened(running)
    for (const question of questions) await answered(running, question, headers)
    await ended(running, headers)
  },
  async listening(running, questions) {
    const headers = await opened(running)
    const leaving = new AbortController()
    const stream = await fetch(running.url, {
      headers: { ...running.headers, ...headers, Accept: 'text/event-stream' },
      signal: leaving.signal,
    })
    const reader = stream.body?.getReader()
    await reader?.read()
    for (const question of questions) await answered(running, question, headers)
    leaving.abort()
    await ended(running, headers)
  },
  /** The gateway ends its session when it needs the room. */
  async forgotten(running, questions) {
    const headers = await opened(running)
    for (const question of questions) await answered(running, question, headers)
  },
  /** Its last question is not waited for. */
  async impatient(running, questions) {
    const headers = await opened(running)
    for (const question of questions.slice(1)) await answered(running, question, headers)
    const leaving = new AbortController()
    const last = post(running, status, headers, leaving.signal).catch(() => undefined)
    setImmediate(() => leaving.abort())
    await last
    await ended(running, headers)
  },
}

const modernRevision = '2026-07-28'
const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': modernRevision,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const status = { method: 'tools/call', params: { name: 'get_system_status', arguments: {} } }

interface Message {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

type Headers = Readonly<Record<string, string>>

function post(running: Running, message: Message, headers: Headers, signal?: AbortSignal): Promise<Response> {
  const id = message.method.startsWith('notifications/') ? undefined : { id: 1 }
  return fetch(running.url, {
    method: 'POST',
    headers: { ...running.headers, ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', ...id, ...message }),
    ...(signal !== undefined && { signal }),
  })
}

async function answered(running: Running, question: Question, headers: Headers): Promise<void> {
  const { expected, method, params } = question
  const response = await post(running, { method, params }, headers)
  const text = await response.text()
  if (!expected.test(text)) {
    const asked = `${method} ${JSON.stringify(params).slice(0, 200)}`
    throw new Error(`${asked} was answered ${response.status}: ${text.slice(0, 500)}`)
  }
}

/** Headers of a new session. */
async function opened(running: Running): Promise<Headers> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
  const response = await post(running, { method: 'initialize', params }, {})
  await response.text()
  const headers = {
    'Mcp-Session-Id': response.headers.get('mcp-session-id') ?? '',
    'MCP-Protocol-Version': '2025-11-25',
  }
  await (await post(running, { method: 'notifications/initialized', params: {} }, headers)).text()
  return headers
}

async function ended(running: Running, headers: Headers): Promise<void> {
  const response = await fetch(running.url, { method: 'DELETE', headers: { ...running.headers, ...headers } })
  await response.text()
  if (response.status !== 200) throw new Error(`a session could not be ended: ${response.status}`)
}
