import {
  type AuthInfo,
  createMcpHandler,
  isInitializeRequest,
  isJsonContentType,
  isLegacyRequest,
  type JSONRPCRequest,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import type { Caller } from '../core/target.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import { expositionType } from '../lib/prometheus.ts'
import type { Authenticate, Authenticated } from './auth/authenticated.ts'
import { type Bodies, openBodies } from './bodies.ts'
import { authInfoOf, callerOf } from './caller-of.ts'
import { type Change, tell } from './changes.ts'
import { type EventStreams, openEventStreams } from './event-streams.ts'
import { type Names, refuseForeign } from './guard.ts'
import type { HoldBack } from './hold-back.ts'
import { rpcError } from './json-rpc.ts'
import type { Limits } from './limits.ts'
import type { Peer } from './peer.ts'
import { plainRequest } from './plain-request.ts'
import type { Session, Sessions } from './sessions.ts'
import { singleAnswer } from './single-answer.ts'

/** What the HTTP side of MCP is made of. */
export interface HttpParts {
  readonly names: Names
  readonly authenticate: Authenticate
  /** What everybody may read: path to answer. */
  readonly documents?: Readonly<Record<string, () => Promise<Response>>>
  readonly sessions: Sessions
  readonly limits: Limits
  /** Before a stranger is told that it comes too often. */
  readonly holdBack: HoldBack
  readonly clock: Clock
  readonly log: Logger
  /** One MCP server for one caller: for a session, or for one request of this method. */
  serverFor(caller: Caller, only?: string): Server
  /** Whether calls can be answered now: the audit log can be written. */
  ready(): boolean
  /** Whether nothing may be changed now. */
  frozen(): boolean
  /** The text for Prometheus; undefined when this caller may not read it. */
  metrics?(caller: Caller): string | undefined
  /** A refusal by what the message asks for, before a server sees it: 403 insufficient_scope. */
  refuse?(who: Authenticated, message: unknown): Promise<Response | undefined>
  /** Somebody used the session of another caller. */
  foreignSession(caller: Caller, session: Session): void
}

/** The gateway as a web application. */
export interface HttpApp {
  fetch(request: Request, peer?: Peer): Promise<Response>
  /** Tells every client that tools or a resource have changed. */
  changed(what: Change): void
  /** Lets calls finish, at most `withinMs`, then ends every stream and session. */
  close(withinMs: number): Promise<void>
}

const sweepEveryMs = 5000

interface Env {
  readonly Bindings: { readonly peer: Peer | undefined }
}

export function httpApp(parts: HttpParts): HttpApp {
  const { clock, sessions } = parts
  const streams = openEventStreams()
  const stop = new AbortController()
  const calls = new Set<Promise<Response>>()
  const modern = createMcpHandler(({ authInfo }) => parts.serverFor(callerOf(authInfo)), {
    legacy: 'reject',
    onerror: (error) => parts.log.debug('mcp', { error }),
  })
  const bodies = openBodies(clock)
  const serve = endpoint({ ...parts, streams, bodies, modern: modern.fetch })
  const app = new Hono<Env>()
  const authenticated = async (context: Context<Env>, handle: (who: Authenticated) => Response | Promise<Response>) => {
    const who = await whoCalls(parts, context)
    return who instanceof Response ? who : handle(who)
  }
  const orFrozen = (word: string) => (parts.frozen() ? `${word} (frozen)\n` : `${word}\n`)
  app.get('/healthz', (context) => context.text(orFrozen('ok')))
  app.get('/readyz', (context) => (parts.ready() ? context.text(orFrozen('ready')) : context.text('not ready\n', 503)))
  for (const [path, document] of Object.entries(parts.documents ?? {})) app.get(path, document)
  app.all('/mcp', (context) => authenticated(context, (who) => serve(context.req.raw, who)))
  app.get('/metrics', (context) => authenticated(context, ({ caller }) => metricsFor(parts, caller)))
  // Who is not known learns nothing of what is there and what is not.
  app.notFound((context) => authenticated(context, () => context.text('not found; MCP is at /mcp\n', 404)))
  void sweep(clock, stop.signal, () => {
    streams.endStale()
    sessions.endIdle()
    bodies.endLate()
  })
  return {
    async fetch(request, peer) {
      if (stop.signal.aborted) return rpcError(503, -32000, 'the gateway is stopping', { 'Retry-After': '5' })
      const answer = Promise.resolve(refuseForeign(request, parts.names) ?? app.fetch(request, { peer }))
      calls.add(answer)
      try {
        return await answer
      } finally {
        calls.delete(answer)
      }
    },
    changed(what) {
      if (what === 'tools') modern.notify.toolsChanged()
      else modern.notify.resourceUpdated(what.resource)
      for (const { server } of sessions.all) tell(server, what)
    },
    async close(withinMs) {
      stop.abort()
      streams.end('listen')
      await quiet(clock, withinMs, () => calls.size + streams.calls === 0)
      await modern.close()
      await sessions.close()
      streams.end('call')
    },
  }
}

/** Who sends this request, or the answer that refuses it: by its proof, or because its address had too many wrong ones. */
async function whoCalls(parts: HttpParts, { req: { raw }, env: { peer } }: Context<Env>) {
  const { limits, authenticate, holdBack } = parts
  const lockedOut = limits.enter(raw, peer?.address)
  if (lockedOut !== undefined) return holdBack(lockedOut, raw.signal)
  const who = await authenticate(raw, peer)
  if (who instanceof Response) {
    const answer = limits.refused(who, raw, peer?.address)
    return answer.status === 429 ? holdBack(answer, raw.signal) : answer
  }
  limits.admitted(raw, peer?.address)
  return who
}

function metricsFor({ metrics }: HttpParts, caller: Caller): Response {
  const text = metrics?.(caller)
  if (text === undefined) return Response.json({ error: 'metrics need gateway:read on the gateway' }, { status: 403 })
  return new Response(text, { headers: { 'Content-Type': expositionType } })
}

async function sweep(clock: Clock, signal: AbortSignal, work: () => void): Promise<void> {
  const slept = () =>
    clock.sleep(sweepEveryMs, signal).then(
      () => true,
      () => false,
    )
  while (await slept()) work()
}

async function quiet(clock: Clock, withinMs: number, isQuiet: () => boolean): Promise<void> {
  const until = clock.elapsedMs() + withinMs
  while (!isQuiet() && clock.elapsedMs() < until) await clock.sleep(20)
}

interface EndpointParts extends HttpParts {
  readonly streams: EventStreams
  readonly bodies: Bodies
  modern(request: Request, options: { readonly authInfo: AuthInfo; readonly parsedBody: unknown }): Promise<Response>
}

/** `/mcp`: both protocol eras, and plain JSON-RPC without a session. */
function endpoint(parts: EndpointParts): (request: Request, who: Authenticated) => Promise<Response> {
  return async (request, who) => {
    if (request.method === 'POST') return post(parts, request, who)
    const id = request.headers.get('mcp-session-id')
    if (id === null || !['GET', 'DELETE'].includes(request.method))
      return rpcError(405, -32000, 'method not allowed', { Allow: 'POST' })
    return inSession(parts, { request, who, id, kind: 'listen' })
  }
}

async function post(parts: EndpointParts, request: Request, who: Authenticated): Promise<Response> {
  if (!isJsonContentType(request.headers.get('content-type')))
    return rpcError(415, -32000, 'Content-Type must be application/json')
  const body = await parts.bodies.read(request)
  if (body instanceof Response) return body
  const refused = parts.limits.called(who.caller.id, body.json) ?? (await parts.refuse?.(who, body.json))
  if (refused !== undefined) return refused
  const plain = plainRequest(request, body.json)
  if (plain === undefined && !(await isLegacyRequest(request, body.json))) {
    const kind = methodOf(body.json) === 'subscriptions/listen' ? 'listen' : 'call'
    const response = await parts.modern(request, { authInfo: authInfoOf(who.caller), parsedBody: body.json })
    return parts.streams.opened(response, { who, kind })
  }
  const id = request.headers.get('mcp-session-id')
  const tolerant = acceptingBoth(request)
  if (id !== null) return inSession(parts, { request: tolerant, who, id, kind: 'call', body: body.json })
  if (plain === undefined && isInitializeRequest(body.json))
    return initialize(parts, { request: tolerant, who, body: body.json })
  return once(parts, { request: tolerant, who, body: body.json, plain })
}

function methodOf(message: unknown): string | undefined {
  const method = typeof message === 'object' && message !== null ? Reflect.get(message, 'method') : undefined
  return typeof method === 'string' ? method : undefined
}

interface Exchange {
  readonly request: Request
  readonly who: Authenticated
  readonly body?: unknown
}

async function inSession(
  parts: EndpointParts,
  { request, who, id, kind, body }: Exchange & { readonly id: string; readonly kind: 'call' | 'listen' },
): Promise<Response> {
  const session = parts.sessions.find(id)
  if (session !== undefined && session.caller !== who.caller.id) parts.foreignSession(who.caller, session)
  if (session === undefined || session.caller !== who.caller.id)
    return rpcError(404, -32001, 'no such session; send initialize again')
  session.busy++
  session.usedMs = parts.clock.elapsedMs()
  const closed = (): void => {
    session.busy--
    session.usedMs = parts.clock.elapsedMs()
  }
  const options = { authInfo: authInfoOf(who.caller), ...(body !== undefined && { parsedBody: body }) }
  try {
    return parts.streams.opened(await session.transport.handleRequest(request, options), { who, kind, closed })
  } catch (error) {
    closed()
    throw error
  }
}

async function initialize(parts: EndpointParts, { request, who, body }: Exchange): Promise<Response> {
  const transport = await parts.sessions.open(who.caller.id, parts.serverFor(who.caller))
  if (transport === undefined)
    return rpcError(503, -32000, 'too many sessions are open; try again later', { 'Retry-After': '60' })
  const response = await transport.handleRequest(request, { authInfo: authInfoOf(who.caller), parsedBody: body })
  return parts.streams.opened(response, { who, kind: 'call' })
}

/** A message without a session: a server of its own for one answer, as JSON. */
async function once(
  parts: EndpointParts,
  { request, who, body, plain }: Exchange & { readonly plain: JSONRPCRequest | undefined },
): Promise<Response> {
  const server = parts.serverFor(who.caller, methodOf(body))
  const authInfo = authInfoOf(who.caller)
  const gone = (): void => void server.close()
  request.signal.addEventListener('abort', gone, { once: true })
  try {
    if (plain !== undefined && acceptsBoth(request)) return await singleAnswer(server, plain, { authInfo, request })
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true, keepAliveMs: 0 })
    await server.connect(transport)
    const response = await transport.handleRequest(request, { authInfo, parsedBody: body })
    await server.close()
    return response
  } finally {
    request.signal.removeEventListener('abort', gone)
  }
}

function acceptsBoth({ headers }: Request): boolean {
  const accept = headers.get('accept') ?? ''
  return accept.includes('application/json') && accept.includes('text/event-stream')
}

/** A client that accepts anything (curl's default, or no header at all) accepts both types; the SDK asks for their names. */
function acceptingBoth(request: Request): Request {
  const accept = request.headers.get('accept') ?? '*/*'
  if (!/(^|,)\s*\*\/\*\s*(;|,|$)/.test(accept)) return request
  const headers = new Headers(request.headers)
  headers.set('accept', 'application/json, text/event-stream')
  return new Request(request.url, { method: request.method, headers, signal: request.signal })
}
