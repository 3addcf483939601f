import { isIP } from 'node:net'
import { validateOriginHeader } from '@modelcontextprotocol/server'
import { rpcError } from './json-rpc.ts'

/** Which names the gateway answers to. */
export interface Names {
  /** Lower case, without port; IPv6 in brackets. */
  readonly hosts: readonly string[]
  /** Whether any IP address will do: it cannot be pointed elsewhere by a name server. */
  readonly addresses: boolean
}

/** Names of a gateway that listens on `host` and is reached as `baseUrl`. */
export function namesOf(listen: { readonly host: string }, baseUrl: string | undefined, hostname: string): Names {
  const local = ['localhost', '127.0.0.1', '[::1]']
  const own = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  const base = baseUrl === undefined ? [] : [new URL(baseUrl).hostname]
  const addresses = !isLoopback(listen.host)
  const hosts = [...local, own, ...base, ...(addresses ? [hostname] : [])]
  return { hosts: hosts.map((host) => host.toLowerCase()), addresses }
}

export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host)

/** Refuses what a web page could have made a browser send: foreign Host (DNS rebinding) and foreign Origin. */
export function refuseForeign(request: Request, { hosts, addresses }: Names): Response | undefined {
  const host = hostOf(request.headers.get('host'))
  const known = host !== undefined && (hosts.includes(host) || (addresses && isAddress(host)))
  if (!known) return rpcError(403, -32000, 'the Host header names another server; TAILOPS_BASE_URL adds a name')
  const origin = validateOriginHeader(request.headers.get('origin'), [...hosts])
  return origin.ok ? undefined : rpcError(403, -32000, 'requests of web pages of other origins are refused')
}

/** The name of a Host header in lower case, without its port; undefined when it is none. */
function hostOf(header: string | null): string | undefined {
  const [, name] = /^(\[[\da-f:.]{2,45}\]|[\w.-]{1,253})(?::\d{1,5})?$/i.exec(header ?? '') ?? []
  return name?.toLowerCase()
}

const isAddress = (host: string): boolean => isIP(host.replace(/^\[|\]$/g, '')) !== 0
