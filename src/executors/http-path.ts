import { GatewayError } from '../core/errors.ts'
import { climbs } from '../core/http-endpoints.ts'

/** Where a request goes: always below the base URL. */
export interface Place {
  readonly secure: boolean
  /** Name or address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** `grafana.lan:3000`, as in the Host header. */
  readonly authority: string
  /** Path and query as they are sent. */
  readonly path: string
}

/**
 * The place of a path that is already encoded. Nothing in it can lead to another origin or out of the base URL.
 * @throws GatewayError invalid_input
 */
export function placeOf(baseUrl: string, path: string): Place {
  const base = new URL(baseUrl)
  const why = refusalOf(path)
  const whole = why === undefined ? URL.parse(`${base.origin}${path}`) : null
  if (why !== undefined || whole?.origin !== base.origin) {
    throw new GatewayError('invalid_input', `the path ${JSON.stringify(path.slice(0, 200))} ${why ?? 'is no path'}`, {
      hint: 'a path begins with one slash, stays below base_url, and its parts are percent-encoded',
    })
  }
  const secure = base.protocol === 'https:'
  return {
    secure,
    host: base.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: base.port === '' ? (secure ? 443 : 80) : Number(base.port),
    authority: base.host,
    path: `${base.pathname.replace(/\/+$/, '')}${path}`,
  }
}

function refusalOf(path: string): string | undefined {
  if (!path.startsWith('/')) return 'does not begin with a slash'
  if (path.startsWith('//')) return 'would lead to another host'
  if (!/^[\x21-\x7e]*$/.test(path) || /[\\#]/.test(path)) return 'is not encoded'
  const [segments = ''] = path.split('?')
  return climbs(segments) ? 'leads out of its folder' : undefined
}
