import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { isSameAddress } from '../core/ip-network.ts'
import { script } from '../core/operation.ts'
import { pin, probeFamily, probeHost } from '../core/probe-target.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'
import { parseRoute } from '../formats/traceroute.ts'

/** Seconds that a trace may take; MCP clients give up after 60. */
const mostSeconds = 45

export default defineTool({
  name: 'traceroute',
  description: 'Hops on the way to a host, with times.',
  capability: 'network:diag',
  risk: 'probe',
  targets: ['local', 'ssh'],
  input: z.object({
    host: probeHost.describe('name or IP'),
    max_hops: z.number().int().min(1).max(30).default(15).describe('at most 30'),
    family: probeFamily,
  }),
  output: z.object({
    address: z.string(),
    reached: z.boolean(),
    program: z.string(),
    hops: z.array(z.object({ hop: z.number(), address: z.string(), ms: z.string(), mark: z.string().optional() })),
    note: z.string().optional(),
  }),
  async run({ host, max_hops: most, family }, context) {
    const { target } = context
    const { address, family: version } = await pin(host, family, context)
    const seconds = Math.max(1, Math.min(mostSeconds, Math.floor(target.constraints.timeoutMs / 1000) - 3))
    const outcome = await context.read(script('read/net-route', [address, String(most), version, String(seconds)]))
    const found = understood(parseRoute(outputOf(outcome, 'tracing the route')), 'the trace')
    if (found.program === '') {
      throw new GatewayError('unsupported_target', `${target.id} has neither traceroute nor tracepath`, {
        hint: 'install one there, or ask from another target',
      })
    }
    if (found.hops.length === 0) {
      throw new GatewayError(
        'operation_failed',
        `${found.program} to ${address} found no hop: ${found.said || 'it said nothing'}`,
        {
          hint: 'ping_host tells whether it can be reached at all; busybox traceroute needs root',
        },
      )
    }
    const isReached = found.hops.some((hop) => hop.address.split(' ').some((one) => isSameAddress(one, address)))
    const last = found.hops.at(-1)?.hop ?? 0
    const isCut = !isReached && last < most && !found.hops.some(({ mark }) => mark !== '')
    return withoutEmpty({
      address,
      reached: isReached,
      program: found.program,
      hops: withoutEmptyColumns(found.hops),
      note: isCut ? `ended after hop ${last} of ${most}: ${found.said || `the limit of ${seconds} s`}` : '',
    })
  },
})
