import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { script } from '../core/operation.ts'
import { pin, probeFamily, probeHost, probePort } from '../core/probe-target.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { type Ping, parsePing } from '../formats/ping.ts'
import { parsePorts } from '../formats/ports.ts'
import { withoutEmpty } from '../formats/rows.ts'

/** Seconds that one TCP connection may take. */
const tcpTimeout = '3'
/** Packets of one call, whatever is asked for. */
const mostPackets = 20

export default defineTool({
  name: 'ping_host',
  description: 'Packet loss and round-trip times to a host, by ICMP, or TCP where that is not permitted.',
  capability: 'network:diag',
  risk: 'probe',
  targets: ['local', 'ssh'],
  input: z.object({
    host: probeHost.describe('name or IP'),
    count: z.number().int().min(1).default(4).describe(`at most ${mostPackets}`),
    family: probeFamily,
    tcp_port: probePort.default(443).describe('else 443'),
  }),
  output: z.object({
    address: z.string(),
    method: z.enum(['icmp', 'tcp']),
    reachable: z.boolean(),
    sent: z.number(),
    received: z.number(),
    loss_percent: z.number(),
    min_ms: z.number().optional(),
    avg_ms: z.number().optional(),
    max_ms: z.number().optional(),
    said: z.string().optional(),
    note: z.string().optional(),
  }),
  async run({ host, count: wanted, family, tcp_port: port }, context) {
    const count = Math.min(wanted, mostPackets)
    const { note, ...answer } = await ping({ host, count, family, port }, context)
    const clamped = wanted > count ? `count clamped to ${count}` : ''
    return withoutEmpty({ ...answer, note: [clamped, note ?? ''].filter((part) => part !== '').join('; ') })
  },
})

interface Wish {
  readonly host: string
  readonly count: number
  readonly family: '4' | '6' | undefined
  readonly port: number
}

type Answer = {
  readonly address: string
  readonly method: 'icmp' | 'tcp'
  readonly note?: string | undefined
} & ReturnType<typeof figures>

async function ping({ host, count, family, port }: Wish, context: Context): Promise<Answer> {
  const { address, family: version } = await pin(host, family, context)
  const outcome = await context.read(script('read/net-ping', [address, String(count), version]))
  const found = understood(parsePing(outputOf(outcome, 'ping')), 'ping')
  if (found.packets !== undefined) return { address, method: 'icmp' as const, ...figures(found.packets, found) }
  if (found.program !== '' && !found.isForbidden) {
    if (!/unreachable|no route/i.test(found.said)) {
      throw new GatewayError(
        'operation_failed',
        `ping of ${address} sent nothing: ${found.said || 'it said nothing'}`,
        {
          hint: 'test_port_connectivity asks by TCP instead',
        },
      )
    }
    return { address, method: 'icmp' as const, ...figures({ sent: 0, received: 0 }, found) }
  }
  const why = found.program === '' ? 'the target has no ping' : 'ICMP is not permitted there'
  return byTcp({ address, port, count, why }, context)
}

interface Knock {
  readonly address: string
  readonly port: number
  readonly count: number
  readonly why: string
}

/** A machine that refuses the connection answers as well as one that accepts it. */
async function byTcp({ address, port, count, why }: Knock, { read, target }: Context) {
  const ports = Array.from({ length: count }, () => String(port))
  const outcome = await read(script('read/net-ports', [address, tcpTimeout, ...ports]))
  const found = understood(parsePorts(outputOf(outcome, 'connecting by TCP')), 'the test of ports')
  if (found.program === '') {
    throw new GatewayError(
      'unsupported_target',
      `no way to reach ${address} from ${target.id}: ${why}, nor is there bash or nc`,
      {
        hint: 'install iputils-ping or netcat there, or ask from another target',
      },
    )
  }
  const times = found.ports.flatMap(({ latencyMs }) => (latencyMs === undefined ? [] : [latencyMs]))
  const sum = times.reduce((all, time) => all + time, 0)
  return {
    address,
    method: 'tcp' as const,
    ...figures(
      { sent: found.ports.length, received: times.length },
      {
        times:
          times.length === 0
            ? undefined
            : { min: Math.min(...times), avg: sum / times.length, max: Math.max(...times) },
        said: '',
      },
    ),
    note: `TCP connections to port ${port} by ${found.program}: ${why}; a refused one counts as an answer${found.isCoarse ? '; the clock has steps of 10 ms' : ''}`,
  }
}

function figures({ sent, received }: NonNullable<Ping['packets']>, { times, said }: Pick<Ping, 'times' | 'said'>) {
  const rounded = (ms: number | undefined) => (ms === undefined ? undefined : Math.round(ms * 100) / 100)
  return withoutEmpty({
    reachable: received > 0,
    sent,
    received,
    loss_percent: sent === 0 ? 100 : Math.round((1000 * Math.max(0, sent - received)) / sent) / 10,
    min_ms: rounded(times?.min),
    avg_ms: rounded(times?.avg),
    max_ms: rounded(times?.max),
    said: received < sent || sent === 0 ? said : '',
  })
}
