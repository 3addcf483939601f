import { z } from 'zod'
import { askEach, askProxmox, nodesToAsk } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { bridgesOf, networkReply } from '../formats/proxmox-network.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'proxmox_list_bridges',
  description: 'Bridges and bonds of Proxmox nodes with ports, addresses and VLAN awareness.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'node',
  input: z.object({ node: z.string().max(100).optional() }),
  output: z.object({
    bridges: z.array(
      z.object({
        node: z.string(),
        name: z.string(),
        type: z.string(),
        ports: z.string().optional(),
        address: z.string().optional(),
        gateway: z.string().optional(),
        vlans: z.string().optional(),
        state: z.string().optional(),
        comment: z.string().optional(),
      }),
    ),
    not_read: z.string().optional(),
    note: z.string().optional(),
  }),
  async run({ node }, context) {
    const nodes = await nodesToAsk(context, node)
    const asked = await askEach(
      nodes.online,
      (name) => name,
      (name) => askProxmox(context, `/nodes/${encodeURIComponent(name)}/network`, networkReply),
    )
    const rows = asked.found.flatMap(({ of, value }) => bridgesOf(value).map((bridge) => ({ node: of, ...bridge })))
    const isBare = rows.length === 0 && asked.found.length > 0
    return withoutEmpty({
      bridges: withoutEmptyColumns(rows),
      not_read: [...nodes.notRead, ...asked.notRead].join('; '),
      note: isBare ? 'no bridges, or the token may not see them (needs SDN.Audit on /sdn: role PVEAuditor)' : undefined,
    })
  },
})
