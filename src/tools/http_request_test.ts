import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { script } from '../core/operation.ts'
import { pinAll } from '../core/probe-target.ts'
import { type ProbeUrl, probeUrl, readProbeUrl } from '../core/probe-url.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { type HttpResponse, type HttpTest, parseHttpTest } from '../formats/http-test.ts'
import { parseNativeHttp } from '../formats/own-probe.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

/** Seconds that one request may take. */
const requestSeconds = 12
/** All hops together; MCP clients give up after 60 s. */
const allMs = 40_000
/** Of a body that is counted and dropped. */
const mostBytes = 10 * 1024 * 1024
const redirectStatuses = [301, 302, 303, 307, 308]

export default defineTool({
  name: 'http_request_test',
  description: 'Status, redirects, timings, size and certificate problems of an URL; never its body.',
  capability: 'network:diag',
  risk: 'probe',
  targets: ['local', 'ssh'],
  input: z.object({
    url: probeUrl.describe('http or https'),
    method: z.enum(['GET', 'HEAD']).default('GET'),
    max_redirects: z.number().int().min(0).max(10).default(5),
    expect_status: z.number().int().min(100).max(599).optional(),
  }),
  output: z.object({
    status: z.number(),
    as_expected: z.boolean().optional(),
    url: z.string(),
    address: z.string(),
    via: z.string(),
    http: z.string(),
    type: z.string().optional(),
    location: z.string().optional(),
    size_bytes: z.number(),
    dns_ms: z.number().optional(),
    connect_ms: z.number().optional(),
    tls_ms: z.number().optional(),
    first_byte_ms: z.number().optional().describe('wait for it, once asked'),
    total_ms: z.number().optional(),
    certificate: z.string().optional(),
    redirects: z
      .array(z.object({ url: z.string(), status: z.number(), ms: z.number().optional() }))
      .optional()
      .describe('before the last one'),
    note: z.string().optional(),
    not_measured: z.string().optional(),
  }),
  async run({ url, method, max_redirects: most, expect_status: expected }, context) {
    const hops = await follow({ url, method, most }, context)
    const before = hops.slice(0, -1)
    const last = hops.at(-1)
    if (last === undefined) throw new TypeError('a test makes at least one request')
    return withoutEmpty({
      as_expected: expected === undefined ? undefined : last.response.status === expected,
      ...figuresOf(last),
      certificate: hops
        .flatMap((hop) => (hop.certificate === undefined ? [] : [`${brief(hop.url.href)}: ${hop.certificate}`]))
        .join('; '),
      redirects:
        before.length === 0
          ? undefined
          : withoutEmptyColumns(
              before.map((hop) => ({
                url: brief(hop.url.href),
                status: hop.response.status,
                ms: sumOf(hop.dnsMs, hop.response.totalMs),
              })),
            ),
      note: noteOn(last, most),
      not_measured: notMeasured(last),
    })
  },
})

interface Wish {
  readonly url: string
  readonly method: 'GET' | 'HEAD'
  /** Redirects that are followed at most. */
  readonly most: number
}

/** One request that was answered. */
interface Hop {
  readonly url: ProbeUrl
  readonly address: string
  readonly dnsMs: number | undefined
  readonly test: HttpTest
  readonly response: HttpResponse
  readonly certificate: string | undefined
  readonly tookMs: number
}

/** Follows redirects by hand: the host of each is resolved and checked anew, and the checked address is asked. */
async function follow({ url, method, most }: Wish, context: Context): Promise<readonly Hop[]> {
  const hops: Hop[] = []
  let next = url
  for (;;) {
    const last = hops.at(-1)
    const hop = await request({ url: next, base: last?.url.href, method }, context).catch((error: unknown) => {
      throw last === undefined ? error : atRedirect(error, hops)
    })
    hops.push(hop)
    const { location, status } = hop.response
    if (!redirectStatuses.includes(status) || location === '' || hops.length > most) return hops
    const spentMs = hops.reduce((sum, { tookMs }) => sum + tookMs, 0)
    if (spentMs > allMs) {
      throw atRedirect(
        new GatewayError('timeout', `${brief(location)} was not asked: ${allMs / 1000} s are over`),
        hops,
      )
    }
    next = location
  }
}

/** The error of a redirect, with what was answered before it. */
function atRedirect(error: unknown, hops: readonly Hop[]): GatewayError {
  const { code, message, hint, cause } = GatewayError.from(error)
  const before = hops.map(({ url, response }) => `${brief(url.href)} answered ${response.status}`).join(', ')
  return new GatewayError(code, `redirect ${hops.length}: ${message}; before it ${before}`, { hint, cause })
}

interface Ask {
  readonly url: string
  /** What a relative URL is relative to. */
  readonly base: string | undefined
  readonly method: 'GET' | 'HEAD'
}

async function request({ url: text, base, method }: Ask, context: Context): Promise<Hop> {
  const url = readProbeUrl(text, base)
  if (typeof url === 'string') {
    throw new GatewayError('denied', `${brief(text)} is not asked: ${url}`, { hint: 'ask for another URL' })
  }
  const { address, dnsMs } = await pinAll(url.host, context).catch((error: unknown) => {
    const { code, message, hint, cause } = GatewayError.from(error)
    throw new GatewayError(code, `${brief(url.href)}: ${message}`, { hint, cause })
  })
  const seconds = Math.max(1, Math.min(requestSeconds, Math.floor(context.target.constraints.timeoutMs / 1000) - 2))
  let tookMs = dnsMs ?? 0
  const ask = async (verify: 'verify' | 'insecure'): Promise<HttpTest> => {
    const byAddress = `${url.isTls ? 'https' : 'http'}://${address.includes(':') ? `[${address}]` : address}:${url.port}${url.pathAndQuery}`
    const where = [url.href, address, String(url.port), url.authority, method]
    const outcome = await context.read(
      script('read/http-request', [...where, String(seconds), verify, String(mostBytes), byAddress]),
    )
    tookMs += outcome.durationMs
    return understood(parseHttpTest(outputOf(outcome, 'the request')), 'the request')
  }
  const first = await ask('verify')
  const native = first.program === '' ? await askNatively({ url, address, method }, context) : undefined
  const test = native ?? (first.certificate === undefined ? first : await ask('insecure'))
  const { certificate } = native ?? first
  if (test.response === undefined) throw noAnswer({ url, address, test, seconds })
  return { url, address, dnsMs, test, response: test.response, certificate, tookMs }
}

interface NativeAsk {
  readonly url: ProbeUrl
  readonly address: string
  readonly method: 'GET' | 'HEAD'
}

/** By the gateway itself, through its connection to the target: where there is no program that could ask. */
async function askNatively({ url, address, method }: NativeAsk, { read, target }: Context): Promise<HttpTest> {
  if (target.kind === 'guest') {
    throw new GatewayError(
      'unsupported_target',
      `${target.id} has neither curl nor GNU wget; BusyBox wget follows redirects unchecked`,
      { hint: 'install curl there, or ask from another target' },
    )
  }
  const query = new URLSearchParams({
    address,
    port: String(url.port),
    name: url.host,
    host: url.authority,
    path: url.pathAndQuery,
    secure: url.isTls ? '1' : '0',
  })
  const outcome = await read({ kind: 'request', method, path: `probe:http?${query}`, timeoutMs: requestSeconds * 1000 })
  return understood(parseNativeHttp(outputOf(outcome, 'the request')), 'the request')
}

interface Silence {
  readonly url: ProbeUrl
  readonly address: string
  readonly test: HttpTest
  readonly seconds: number
}

function noAnswer({ url, address, test, seconds }: Silence): GatewayError {
  const why = test.exit === 28 || test.exit === 124 ? `nothing came within ${seconds} s` : test.said
  return new GatewayError(
    'operation_failed',
    `${brief(url.href)} (${address}) did not answer: ${why || `${test.program} ended with ${test.exit}`}`,
    { hint: 'test_port_connectivity tells whether the port is open' },
  )
}

function figuresOf({ url, address, dnsMs, test, response, certificate }: Hop) {
  return {
    status: response.status,
    url: brief(url.href),
    address,
    via: certificate === undefined ? test.program : `${test.program}, certificate not verified`,
    http: response.version,
    type: response.contentType,
    location: redirectStatuses.includes(response.status) ? brief(response.location) : '',
    size_bytes: response.bytes,
    dns_ms: dnsMs === undefined ? undefined : sumOf(dnsMs, 0),
    connect_ms: response.connectMs,
    tls_ms: response.tlsMs,
    first_byte_ms: response.firstByteMs,
    total_ms: sumOf(dnsMs, response.totalMs),
  }
}

function noteOn({ test, response: { status, location, bytes } }: Hop, most: number): string {
  // 23 of curl(1): what reads the body has ended.
  const isCut = bytes >= mostBytes || (test.program === 'curl' && test.exit === 23)
  return [
    redirectStatuses.includes(status) && location !== '' ? `not followed: max_redirects is ${most}` : '',
    isCut ? 'the body was cut after about 10 MiB' : '',
    // 8 of wget(1): the status says it.
    test.exit !== 0 && !isCut && !(test.program === 'wget' && test.exit === 8)
      ? `not read to its end: ${test.said || `${test.program} ended with ${test.exit}`}`
      : '',
  ]
    .filter((part) => part !== '')
    .join('; ')
}

function notMeasured({ url, dnsMs, address, test }: Hop): string {
  const isWget = test.program === 'wget'
  return [
    dnsMs === undefined && address !== url.host ? 'dns time' : '',
    isWget ? `times of connecting${url.isTls ? ', TLS' : ''} and first byte (wget)` : '',
    isWget && url.isTls ? 'certificate (wget; it sent no server name either: another site may have answered)' : '',
  ]
    .filter((part) => part !== '')
    .join(', ')
}

const sumOf = (dnsMs: number | undefined, ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(((dnsMs ?? 0) + ms) * 10) / 10

const brief = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)
