import { GatewayError } from '../core/errors.ts'
import type { Outcome, Request } from '../core/operation.ts'
import { parseJson } from '../lib/json.ts'
import { deniedOf, remedyOf } from './proxmox-remedy.ts'
import type { Reply } from './proxmox-wire.ts'

/** What was asked, and as whom. */
export interface Asked {
  readonly request: Pick<Request, 'method' | 'path'>
  /** The token `gw@pve!name` or the user `gw@pve`. */
  readonly asker: string | undefined
}

/**
 * An answer as an outcome: the error text is `message` of the body (since late 8.3) or the reason phrase, for a 400 what
 * is wrong with which parameter, for a 403 in its second line what grants the privilege. 401 and 595-599 have no body.
 * Source: Proxmox VE API, observed 9.2.
 * @throws GatewayError credentials_rejected, unreachable, unexpected_reply, interrupted
 */
export function outcomeOf(reply: Reply, asked: Asked): Omit<Outcome, 'durationMs'> {
  const { status, reason, text, truncated } = reply
  if (status === 401) throw rejected(reason, asked)
  if (status >= 300 && status < 400) throw redirected(reply)
  if (perhapsDone(reply, asked)) throw lostBehind(reply, asked)
  const body = parseJson(text)
  const isOurs = truncated || (typeof body === 'object' && body !== null && 'data' in body)
  const ok = status >= 200 && status < 300
  if (ok && !isOurs) throw foreign(reply, asked)
  return { ok, status, output: text, errorOutput: ok ? '' : errorText(reply, body, asked), truncated }
}

function errorText(reply: Reply, body: unknown, { request, asker }: Asked): string {
  const { status, reason, server } = reply
  if (status >= 595 && status <= 599) return `${whoIsGone(request.path)} does not answer (${status} ${reason})`
  const errors = fieldOf(body, 'errors')
  if (status === 400 && typeof errors === 'object' && errors !== null) {
    const each = Object.entries(errors).sort(([a], [b]) => (a < b ? -1 : 1))
    return each.map(([name, what]) => `${name}: ${String(what).trim()}`).join('; ')
  }
  const message = fieldOf(body, 'message')
  const told = typeof message === 'string' && message.trim() !== '' ? message.trim() : reason
  const said = status === 403 ? deniedOf(told, request) : told
  const remedy = status === 403 ? remedyOf(said, asker) : undefined
  if (remedy !== undefined) return `${said.split('\n')[0]}\n${remedy}`
  if (body === undefined && server !== undefined && !server.startsWith('pve-api'))
    return `${status} ${said}: it answers as ${server.slice(0, 60)}, not as a Proxmox VE API`
  return said
}

const whoIsGone = (path: string): string => {
  const [, node] = /^\/nodes\/([^/?]+)/.exec(path) ?? []
  return node === undefined ? 'a node of the cluster' : `node ${node}`
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined

/** It takes three seconds each time, by design of Proxmox: nothing asks again by itself. */
function rejected(reason: string, { asker = '' }: Asked): GatewayError {
  const [user = '', name] = asker.split('!')
  if (name === undefined)
    return new GatewayError('credentials_rejected', `Proxmox rejects the login of ${user}: ${reason}`, {
      hint: `check username (with its realm) and password; on a node, pveum user list shows whether ${user} exists, is enabled and has not expired`,
    })
  return new GatewayError('credentials_rejected', `Proxmox rejects the token ${asker}: ${reason}`, {
    hint: `check token_id and token_secret; on a node, pveum user token list ${user} shows whether ${name} exists and has not expired, and pveum user list whether ${user} is enabled`,
  })
}

/** pveproxy sends plain HTTP to https: nothing was done. */
const redirected = ({ status, location = 'elsewhere' }: Reply): GatewayError =>
  new GatewayError('unreachable', `it answers ${status} and sends to ${location.slice(0, 200)}`, {
    hint: location.startsWith('https://') ? 'write api_url with https://' : 'correct api_url',
  })

/** The node that was asked passed it on and lost it there: after 595 and before TLS was up nothing was sent. Source: AnyEvent::HTTP. */
const perhapsDone = ({ status, reason }: Reply, { request }: Asked): boolean =>
  request.method !== 'GET' && status >= 596 && status <= 599 && !/certificate|tls|ssl/i.test(reason)

const lostBehind = ({ status, reason }: Reply, { request }: Asked): GatewayError =>
  new GatewayError('interrupted', `${whoIsGone(request.path)} was given it and does not answer (${status} ${reason})`)

function foreign({ server }: Reply, { request }: Asked): GatewayError {
  const by = server === undefined ? '' : ` (it calls itself ${server.slice(0, 60)})`
  const code = request.method === 'GET' ? 'unexpected_reply' : 'interrupted'
  return new GatewayError(code, `the answer is not that of a Proxmox VE API${by}`, {
    hint: 'does api_url name a Proxmox VE node and its port 8006?',
  })
}
