import { z } from 'zod'
import { script } from '../core/operation.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { parseNetworkStatus } from '../formats/network.ts'

const cell = z.union([z.number(), z.literal('')])

export default defineTool({
  name: 'get_network_status',
  description: 'Network interfaces with state, speed and addresses, default routes and name servers of a machine.',
  capability: 'network:read',
  risk: 'read',
  targets: ['local', 'ssh'],
  input: z.object({}),
  output: z.object({
    interfaces: z.array(
      z.object({
        name: z.string(),
        state: z.string(),
        mtu: cell.optional(),
        speed_mbps: cell.optional(),
        addresses: z.string().optional(),
      }),
    ),
    default_route_v4: z.string().optional(),
    default_route_v6: z.string().optional(),
    dns: z.string().optional(),
    search: z.string().optional(),
    not_measured: z.string().optional(),
  }),
  async run(_input, { read }) {
    const output = outputOf(await read(script('read/network-status')), 'reading the network status')
    return understood(parseNetworkStatus(output), 'the network status')
  },
})
