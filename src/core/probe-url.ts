import { z } from 'zod'
import { parseAddress } from './ip-network.ts'
import { isHostName } from './probe-target.ts'

/** Where one HTTP request goes, in its only spelling: `2130706433` has become `127.0.0.1` (WHATWG URL, host parsing). */
export interface ProbeUrl {
  /** Without fragment. */
  readonly href: string
  readonly isTls: boolean
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** As in the header `Host`: with brackets, and with the port where it is not the usual one. */
  readonly authority: string
  readonly pathAndQuery: string
}

/** An URL that may be asked, or in words why not. */
export function readProbeUrl(text: string, base?: string): ProbeUrl | string {
  const url = URL.parse(text, base)
  if (url === null) return 'it is no URL'
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `${url.protocol} is not http: or https:`
  if (url.username !== '' || url.password !== '') return 'it holds credentials'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (parseAddress(host) === undefined && !isHostName(host)) return 'its host is no name of DNS'
  const isTls = url.protocol === 'https:'
  url.hash = ''
  return {
    href: url.href,
    isTls,
    host,
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    authority: url.host,
    pathAndQuery: `${url.pathname}${url.search}`,
  }
}

/** An URL as an argument. */
export const probeUrl = z
  .string()
  .max(2000)
  .refine(
    (text) => /^https?:\/\/[\x21-\x7e\x80-\uffff]+$/i.test(text) && typeof readProbeUrl(text) === 'object',
    'write an http or https URL without credentials',
  )
