import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { parseAddress } from '../core/ip-network.ts'
import { get, script } from '../core/operation.ts'
import { isHostName, pin, probeHost, probePort } from '../core/probe-target.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { type Certificate, parseCertificate, type TlsSession } from '../formats/certificate.ts'
import { parseNativeTls } from '../formats/own-probe.ts'
import { withoutEmpty } from '../formats/rows.ts'

const msPerDay = 86_400_000
const mostNames = 30

export default defineTool({
  name: 'check_ssl_certificate',
  description: 'TLS certificate of a server, good or bad: names, issuer, days left, chain, problems.',
  capability: 'network:diag',
  risk: 'probe',
  targets: ['local', 'ssh'],
  input: z.object({
    host: probeHost.describe('name or IP'),
    port: probePort.default(443),
    servername: z.string().refine(isHostName, 'write a host name').optional().describe('SNI, if not the host'),
  }),
  output: z.object({
    address: z.string(),
    via: z.string(),
    problems: z.string().describe('none, or what is wrong'),
    subject: z.string(),
    issuer: z.string(),
    names: z.string().optional(),
    name_matches: z.boolean().optional(),
    not_before: z.string().optional(),
    not_after: z.string().optional(),
    days_left: z.number().optional(),
    chain_length: z.number(),
    protocol: z.string().optional(),
    verify: z.string().optional(),
    serial: z.string().optional(),
    sha256: z.string().optional(),
    not_measured: z.string().optional(),
  }),
  async run({ host, port, servername }, context) {
    const { address } = await pin(host, undefined, context)
    const name = servername ?? host.replace(/\.$/, '')
    const found = await handshake({ address, port, name }, context)
    if (found.certificate === undefined) {
      throw new GatewayError(
        'operation_failed',
        `${host} port ${port} showed no certificate: ${found.said || `${found.program} says no reason`}`,
        {
          hint: 'test_port_connectivity tells whether the port is open',
        },
      )
    }
    const isNative = found.program === 'native'
    const judged = { name, now: context.now, judge: isNative ? 'the gateway' : 'the target' }
    return { address, via: isNative ? 'native' : 'openssl', ...answer(found.certificate, judged) }
  },
})

interface Peer {
  readonly address: string
  readonly port: number
  readonly name: string
}

/** By the target's openssl; where there is none, by the gateway itself through its connection to the target. */
async function handshake({ address, port, name }: Peer, context: Context): Promise<TlsSession> {
  const isIp = parseAddress(name) !== undefined
  const args = [address, String(port), isIp ? '' : name, isIp ? 'ip' : 'host', name]
  const outcome = await context.read(script('read/net-certificate', args))
  const found = understood(parseCertificate(outputOf(outcome, 'reading the certificate')), 'openssl')
  if (found.program !== '') return found
  if (context.target.kind === 'guest') {
    throw new GatewayError('unsupported_target', `${context.target.id} has no openssl`, {
      hint: 'install openssl there, or ask from another target',
    })
  }
  const query = new URLSearchParams({ address, port: String(port), name })
  const seen = await context.read(get(`probe:tls?${query}`))
  return understood(parseNativeTls(outputOf(seen, 'the handshake')), 'the handshake')
}

/** Whose authorities were asked, for which name, when. */
interface Judged {
  readonly name: string
  readonly now: Date
  readonly judge: string
}

function answer(certificate: Certificate, judged: Judged) {
  const { now } = judged
  const { names, notBefore, notAfter, verify, isForName } = certificate
  const daysLeft = notAfter === undefined ? undefined : Math.floor((notAfter.getTime() - now.getTime()) / msPerDay)
  return withoutEmpty({
    problems: problemsOf(certificate, judged).join(', ') || 'none',
    subject: certificate.subject,
    issuer: certificate.issuer,
    names: `${names.slice(0, mostNames).join(' ')}${names.length > mostNames ? ` +${names.length - mostNames}` : ''}`,
    name_matches: isForName,
    not_before: notBefore?.toISOString().slice(0, 16),
    not_after: notAfter?.toISOString().slice(0, 16),
    days_left: daysLeft,
    chain_length: certificate.chainLength,
    protocol: certificate.protocol,
    verify: verify === undefined ? '' : verify.code === 0 ? 'ok' : `${verify.code} ${verify.text}`,
    serial: certificate.serial,
    sha256: certificate.fingerprint,
    not_measured: [
      verify === undefined ? 'whether an authority of the target vouches for it' : '',
      isForName === undefined ? 'whether it is for this name (openssl there cannot tell)' : '',
    ]
      .filter((part) => part !== '')
      .join(', '),
  })
}

function problemsOf(certificate: Certificate, { name, now, judge }: Judged): readonly string[] {
  const { notBefore, notAfter, verify, isForName, subject, issuer } = certificate
  const isExpired = notAfter !== undefined && notAfter.getTime() <= now.getTime()
  const isEarly = notBefore !== undefined && notBefore.getTime() > now.getTime()
  const isSelfSigned = subject !== '' && subject === issuer && verify?.code !== 0
  // Codes of openssl-verification-options(1): 9 and 10 are the dates, 18 self-signed, which are told already.
  const told = [0, ...(isEarly ? [9] : []), ...(isExpired ? [10] : []), ...(isSelfSigned ? [18] : [])]
  return [
    isExpired ? 'expired' : '',
    isEarly ? 'not valid yet' : '',
    isSelfSigned ? 'self-signed' : '',
    isForName === false ? `not for ${name}` : '',
    verify !== undefined && !told.includes(verify.code) ? `not trusted by ${judge}: ${verify.text}` : '',
  ].filter((problem) => problem !== '')
}
