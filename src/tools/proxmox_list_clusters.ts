import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { askAllowed, askProxmox } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { versionReply } from '../formats/proxmox-inventory.ts'
import { clusterStatus, clusterStatusReply } from '../formats/proxmox-status.ts'

export default defineTool({
  name: 'proxmox_list_clusters',
  description: 'The configured Proxmox clusters: reachable or not, version, quorum, nodes online.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  input: z.object({}),
  output: z.object({
    reachable: z.string(),
    version: z.string().optional(),
    quorum: z.string().optional(),
    nodes: z.string().optional().describe('online/all'),
    offline: z.string().optional(),
    last_seen: z.string().optional(),
  }),
  async run(_input, context) {
    try {
      const read = await askAllowed(context, '/cluster/status', clusterStatusReply)
      const { version } = await askProxmox(context, '/version', versionReply)
      if (read instanceof GatewayError) return { reachable: 'yes', version, quorum: `unknown: ${read.message}` }
      const status = clusterStatus(read)
      const gone = status.nodes.filter(({ online }) => !online).map(({ node }) => node)
      return {
        reachable: 'yes',
        version,
        quorum: status.quorate ? 'yes' : 'no',
        nodes: `${status.nodes.length - gone.length}/${status.nodes.length}`,
        ...(gone.length > 0 && { offline: gone.join(' ') }),
      }
    } catch (error) {
      // One that does not answer is a row of the list.
      const { code, message, hint } = GatewayError.from(error)
      if (code === 'internal') throw error
      const { seenAt } = context.remembered()
      return {
        reachable: `no: ${code}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
        ...(seenAt !== undefined && { last_seen: `${ageOf(seenAt, context.now)} ago` }),
      }
    }
  },
})
