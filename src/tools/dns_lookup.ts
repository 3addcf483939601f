import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { parseAddress, reverseName } from '../core/ip-network.ts'
import { script } from '../core/operation.ts'
import { probeHost, requireAllowed } from '../core/probe-target.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { type DnsAnswer, parseDns } from '../formats/dns.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'dns_lookup',
  description: 'DNS records of a name, or the names of an IP (PTR).',
  capability: 'network:diag',
  risk: 'probe',
  targets: ['local', 'ssh'],
  input: z.object({
    name: probeHost.describe('name, or IP for PTR'),
    type: z.enum(['A', 'AAAA', 'MX', 'TXT', 'CNAME', 'NS', 'SRV', 'PTR']).default('A'),
    resolver: z
      .string()
      .max(45)
      .refine((text) => parseAddress(text) !== undefined, 'write an IP address')
      .optional()
      .describe('IP'),
  }),
  output: z.object({
    status: z.string().describe('RCODE, no_reply or unknown'),
    program: z.string(),
    records: z.array(z.object({ type: z.string(), name: z.string(), value: z.string(), ttl: z.number().optional() })),
    note: z.string().optional(),
  }),
  async run({ name, type, resolver }, { read, target }) {
    if (resolver !== undefined) requireAllowed(resolver, target)
    const outcome = await read(script('read/net-dns', [questionOf(name, type), type, resolver ?? '']))
    const found = understood(parseDns(outputOf(outcome, 'asking DNS')), 'the lookup')
    if (found.program === 'none') {
      throw new GatewayError(
        'unsupported_target',
        `not measured: no ${programsFor(type, resolver)} there to ask for ${type}`,
        {
          hint: 'install bind9-dnsutils there, or ask from another target',
        },
      )
    }
    if (found.status === undefined && found.program !== 'getent') {
      throw new GatewayError(
        'operation_failed',
        `${found.program} did not answer: ${found.said || 'it printed nothing'}`,
        {
          hint: 'ask from another target',
        },
      )
    }
    const records = found.program === 'getent' ? found.records.filter((record) => record.type === type) : found.records
    return withoutEmpty({
      status: found.status ?? 'unknown',
      program: found.program,
      records: withoutEmptyColumns(records),
      note: noteOn(found, type),
    })
  },
})

/** What could have been asked with: getent knows no other records, and no resolver but the machine's own. */
const programsFor = (type: string, resolver: string | undefined): string =>
  (type === 'A' || type === 'AAAA') && resolver === undefined
    ? 'dig, host, drill, nslookup or getent'
    : 'dig, host, drill or nslookup'

/** What is asked for: an address has its own name in DNS. @throws GatewayError invalid_input */
function questionOf(name: string, type: string): string {
  const address = parseAddress(name)
  if (address === undefined) return name
  if (type === 'PTR') return reverseName(address)
  throw new GatewayError('invalid_input', `${name} is an address: it has no ${type} records`, {
    hint: 'ask for type PTR',
  })
}

function noteOn({ program, records }: DnsAnswer, type: string): string {
  if (program === 'getent')
    return 'by the resolver library, which reads /etc/hosts too; no answer may also be a lost one'
  return program === 'busybox nslookup' && type === 'TXT' && records.length > 0
    ? 'only the first string of each TXT'
    : ''
}
