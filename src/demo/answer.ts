import type { Caller } from './access.ts'
import { ApiError, badParameters } from './api-error.ts'
import type { Call, Method, Parameter } from './method.ts'
import { lackOf } from './permission.ts'
import type { World } from './world.ts'

/** A request as the API sees it, `/api2/json` taken off its path. */
export interface ApiRequest {
  readonly method: string
  /** `/nodes/pve1/status` */
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly params: Readonly<Record<string, Parameter>>
  readonly hasBody: boolean
}

/** An answer of the API; without a body it is empty. */
export interface ApiReply {
  readonly status: number
  readonly reason: string
  readonly body?: { readonly data: unknown } & Readonly<Record<string, unknown>>
  /** Where a redirection leads. */
  readonly location?: string
  /** Milliseconds of the cluster's clock before it is sent. */
  readonly delayMs?: number
}

/** Looks at a request before it is done: what it returns is wrong with the parameters. */
export type CheckParameters = (
  method: string,
  path: string,
  params: ApiRequest['params'],
) => Readonly<Record<string, string>> | undefined

/** A cluster with the methods that it answers. */
export interface Api {
  readonly world: World
  readonly methods: readonly Method[]
  readonly checkParameters?: CheckParameters | undefined
}

const deniedDelayMs = 3000
const connectTimeoutMs = 30_000

/** Answers one request that reached the node `at`. */
export function answer(api: Api, at: string, request: ApiRequest): ApiReply {
  try {
    return done(api, at, request)
  } catch (error) {
    return refusal(error instanceof ApiError ? error : new ApiError(500, String(error)))
  }
}

function done(api: Api, at: string, request: ApiRequest): ApiReply {
  const { world } = api
  world.settle()
  if (request.method === 'DELETE' && request.hasBody)
    return { status: 501, reason: "Unexpected content for method 'DELETE'" }
  const found = find(api.methods, request)
  const caller = callerOf(world, request, found?.method)
  if (typeof caller === 'string') return { status: 401, reason: caller, delayMs: deniedDelayMs }
  if (found === undefined) throw notImplemented(request)
  const { method } = found
  const inPath = found.inPath['node'] === 'localhost' ? { ...found.inPath, node: at } : found.inPath
  const params = { ...request.params, ...inPath }
  const call = { world, caller, at, path: request.path, method: request.method, params }
  admit(method, call)
  const unreachable = method.proxied ? proxyFailure(world, at, inPath['node'] ?? '') : undefined
  if (unreachable !== undefined) return unreachable
  const wrong = api.checkParameters?.(request.method, method.path, params)
  if (wrong !== undefined) throw badParameters(wrong)
  return { status: 200, reason: 'OK', body: { ...method.answer(call) } }
}

const notImplemented = ({ method, path }: ApiRequest) =>
  new ApiError(501, `Method '${method} ${decoded(path)}' not implemented`)

function refusal({ status, message, errors }: ApiError): ApiReply {
  const [reason = ''] = message.split('\n')
  const whole = status === 501 ? message : `${message.replace(/\n$/, '')}\n`
  const denied = status === 401 ? { delayMs: deniedDelayMs } : {}
  return { status, reason, body: { data: null, message: whole, ...(errors && { errors }) }, ...denied }
}

interface Found {
  readonly method: Method
  /** `{node: 'pve1', vmid: '101'}` */
  readonly inPath: Readonly<Record<string, string>>
}

function find(methods: readonly Method[], request: ApiRequest): Found | undefined {
  const parts = request.path.split('/')
  for (const method of methods) {
    const inPath = method.method === request.method ? matched(method.path.split('/'), parts) : undefined
    if (inPath !== undefined) return { method, inPath }
  }
  return undefined
}

function matched(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined
  const found: Record<string, string> = {}
  for (const [index, wanted] of pattern.entries()) {
    const part = parts[index] ?? ''
    if (wanted.startsWith('{')) found[wanted.slice(1, -1)] = decoded(part)
    else if (wanted !== part) return undefined
  }
  return found
}

/** Text out of a URL; what is wrongly encoded stays as it is. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const nobody: Caller = { id: '', user: '' }

/** The caller, or why there is none. */
function callerOf(world: World, { method, headers }: ApiRequest, wanted: Method | undefined): Caller | string {
  const now = world.now()
  const token = /^PVEAPIToken[= ](.+)$/.exec(headers['authorization'] ?? '')
  if (token !== null) return world.access.byToken(token[1] ?? '', now) ?? 'Authentication failed!'
  if (wanted?.permissions?.user === 'world') return nobody
  const ticket = ticketOf(headers['cookie'] ?? '')
  if (ticket === undefined) return headers['authorization'] === undefined ? 'No ticket' : 'Authentication failed!'
  const caller = world.access.byTicket(ticket, now)
  if (caller === undefined) return 'Authentication failed!'
  const safe = method === 'GET' || world.access.isCsrf(caller.user, headers['csrfpreventiontoken'] ?? '')
  return safe ? caller : 'Permission denied - invalid csrf token'
}

function ticketOf(cookie: string): string | undefined {
  const [, value] = /(?:^|;\s*)PVEAuthCookie=([^;]*)/.exec(cookie) ?? []
  return value === undefined ? undefined : decoded(value)
}

/** @throws ApiError 403 when the caller may not call this. */
function admit({ permissions, refusesTokens }: Method, call: Call): void {
  const { caller } = call
  if (refusesTokens && caller.token !== undefined) {
    throw denied(`URI '${call.path}' not available with API token, need proper ticket.\n`)
  }
  if (permissions?.user !== undefined) return
  if (permissions?.check === undefined) {
    if (caller.user !== 'root@pam') throw denied('user != root@pam')
    return
  }
  const lacking = lackOf(permissions.check, call)
  if (lacking !== undefined) throw denied(lacking)
}

const denied = (what: string) => new ApiError(403, `Permission check failed${what === '' ? '' : ` (${what})`}`)

/** Why the node that a path names cannot be reached from here, if it cannot. @throws ApiError for a name that no node has */
function proxyFailure(world: World, at: string, name: string): ApiReply | undefined {
  const node = world.node(name)
  if (node === undefined) {
    const why = `failed to get address info for: ${name}: Temporary failure in name resolution`
    throw new ApiError(500, `hostname lookup '${name}' failed - ${why}`)
  }
  if (name === at || node.state === 'online') return undefined
  if (node.state === 'offline') return { status: 595, reason: 'Connection refused' }
  return { status: 596, reason: 'Connection timed out', delayMs: connectTimeoutMs }
}
