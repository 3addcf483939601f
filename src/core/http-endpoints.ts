import type { Endpoint, EndpointParameter } from './connection.ts'
import { GatewayError } from './errors.ts'
import type { Request } from './operation.ts'

/** Arguments of a named request, by name; whether they are texts, numbers or booleans is checked here. */
export type EndpointArguments = Readonly<Record<string, unknown>>

type Sent = string | number | boolean

const maxCharacters = 16_384

/**
 * The request of an endpoint with these arguments: what goes into path and query is encoded, the rest is the JSON body.
 * @throws GatewayError invalid_input with the parameters there are; invalid_config for a pattern that is none
 */
export function requestTo(endpoint: Endpoint, given: EndpointArguments): Request {
  refuseUnknown(endpoint, given)
  const values = endpoint.parameters.flatMap((parameter) => {
    const value = sentValue(endpoint, parameter, given)
    return value === undefined ? [] : [{ parameter, value }]
  })
  const placed = (place: EndpointParameter['in']) =>
    values.flatMap(({ parameter, value }) => (parameter.in === place ? [[parameter.name, value] as const] : []))
  const path = fill(endpoint, new Map(placed('path')))
  const query = placed('query').map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
  const body = placed('body')
  return {
    kind: 'request',
    method: endpoint.method,
    path: query.length === 0 ? path : `${path}${path.includes('?') ? '&' : '?'}${query.join('&')}`,
    ...(body.length > 0 && { body: Object.fromEntries(body) }),
  }
}

/** Whether a part of a path is `.` or `..`, encoded once or twice as well: servers decode at different times. */
export function climbs(path: string): boolean {
  const once = decoded(path)
  return [path, once, decoded(once)].some((text) => text.split(/[/\\]/).some((part) => part === '.' || part === '..'))
}

const decoded = (text: string): string =>
  text.replace(/%(2e|2f|5c|25)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

/** `id, limit?: number, all?: boolean`: what a caller gives. */
export const signatureOf = ({ parameters }: Endpoint): string =>
  parameters
    .map(({ name, required, type, pattern }) => {
      const shape = pattern === undefined ? (type === 'string' ? '' : `: ${type}`) : `: /${pattern}/`
      return `${name}${required ? '' : '?'}${shape}`
    })
    .join(', ')

const wrong = (endpoint: Endpoint, what: string): GatewayError =>
  new GatewayError('invalid_input', `${endpoint.name} ${what}`, {
    hint: endpoint.parameters.length === 0 ? 'it takes no parameters' : `its parameters: ${signatureOf(endpoint)}`,
  })

function refuseUnknown(endpoint: Endpoint, given: EndpointArguments): void {
  const unknown = Object.keys(given).filter((name) => endpoint.parameters.every((known) => known.name !== name))
  if (unknown.length > 0) throw wrong(endpoint, `has no parameter ${unknown.map((name) => shown(name)).join(', ')}`)
}

/** The value as it is sent; a number does for a text, as ids are often numbers. */
function sentValue(endpoint: Endpoint, parameter: EndpointParameter, given: EndpointArguments): Sent | undefined {
  const { name, type, required } = parameter
  const value = Object.hasOwn(given, name) ? given[name] : undefined
  if (value === undefined) {
    if (required) throw wrong(endpoint, `needs the parameter ${name}`)
    return undefined
  }
  const sent = type === 'string' && typeof value === 'number' ? String(value) : value
  if (!isSent(sent) || typeof sent !== type) throw wrong(endpoint, `takes a ${type} for ${name}, not ${shown(value)}`)
  if (String(sent).length > maxCharacters)
    throw wrong(endpoint, `takes at most ${maxCharacters} characters for ${name}`)
  if (!fits(endpoint, parameter, String(sent)))
    throw wrong(endpoint, `takes for ${name} what matches /${parameter.pattern}/, not ${shown(value)}`)
  if (/\p{Cs}/u.test(String(sent))) throw wrong(endpoint, `takes no half characters for ${name}`)
  return sent
}

const isSent = (value: unknown): value is Sent => ['string', 'number', 'boolean'].includes(typeof value)

function fits(endpoint: Endpoint, { name, pattern }: EndpointParameter, text: string): boolean {
  if (pattern === undefined) return true
  try {
    return new RegExp(`^(?:${pattern})$`).test(text)
  } catch (error) {
    throw new GatewayError('invalid_config', `the pattern of ${name} of endpoint ${endpoint.name} is no pattern`, {
      hint: 'the operator can correct it in targets.yaml',
      cause: error,
    })
  }
}

/** The template with its parameters; a value stays within its part of the path, and is a part. */
function fill(endpoint: Endpoint, values: ReadonlyMap<string, Sent>): string {
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(values.get(name) ?? '')
    if (value === '' || climbs(value)) throw wrong(endpoint, `takes no ${shown(value)} for ${name}`)
    return encodeURIComponent(value)
  })
  if (climbs(path.split('?')[0] ?? '')) throw wrong(endpoint, 'would leave its folder with these parameters')
  return path
}

const shown = (value: unknown): string => JSON.stringify(value ?? null).slice(0, 100)
