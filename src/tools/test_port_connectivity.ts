import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { script } from '../core/operation.ts'
import { pin, probeFamily, probeHost, probePort } from '../core/probe-target.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { parsePorts } from '../formats/ports.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'test_port_connectivity',
  description: 'Which TCP ports of a host are open, closed or filtered, with latency.',
  capability: 'network:diag',
  risk: 'probe',
  targets: ['local', 'ssh'],
  input: z.object({
    host: probeHost.describe('name or IP'),
    ports: z.array(probePort).min(1).max(20).describe('at most 20'),
    family: probeFamily,
    timeout: z.number().int().min(1).max(10).default(3).describe('seconds'),
  }),
  output: z.object({
    address: z.string(),
    program: z.string(),
    ports: z.array(
      z.object({
        port: z.number(),
        state: z.enum(['open', 'closed', 'filtered', 'failed']),
        latency_ms: z.number().optional(),
        said: z.string().optional(),
      }),
    ),
    not_measured: z.string().optional(),
  }),
  async run({ host, ports, family, timeout }, context) {
    const { address } = await pin(host, family, context)
    const asked = [...new Set(ports)]
    const outcome = await context.read(script('read/net-ports', [address, String(timeout), ...asked.map(String)]))
    const found = understood(parsePorts(outputOf(outcome, 'testing the ports')), 'the test of ports')
    if (found.program === '') {
      throw new GatewayError('unsupported_target', `${context.target.id} has neither bash 5 with timeout nor nc`, {
        hint: 'install netcat there, or ask from another target',
      })
    }
    const rows = asked.map((port) => found.ports.find((row) => row.port === port))
    const missing = asked.filter((_, at) => rows[at] === undefined)
    return withoutEmpty({
      address,
      program: found.program,
      ports: withoutEmptyColumns(
        rows.flatMap((row) =>
          row === undefined ? [] : [{ port: row.port, state: row.state, latency_ms: row.latencyMs, said: row.said }],
        ),
      ),
      not_measured: [
        missing.length > 0 ? `ports ${missing.join(' ')}: no result came back` : '',
        found.isCoarse ? 'latency finer than 10 ms (clock of the target)' : '',
      ]
        .filter((part) => part !== '')
        .join(', '),
    })
  },
})
