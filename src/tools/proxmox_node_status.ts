import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { nodeStatus, nodeStatusReply } from '../formats/proxmox-node-status.ts'
import { clusterStatus, clusterStatusReply } from '../formats/proxmox-status.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { nearest } from '../lib/nearest.ts'

export default defineTool({
  name: 'proxmox_node_status',
  description: 'One Proxmox node in detail: version, kernel, CPU, load, memory, swap, root disk.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'node',
  input: z.object({ node: z.string().min(1).max(100).describe('its name') }),
  output: z.looseObject({ node: z.string(), status: z.string() }),
  async run({ node: wanted }, context) {
    const node = wanted.split('/').at(-1) ?? wanted
    const { nodes } = clusterStatus(await askProxmox(context, '/cluster/status', clusterStatusReply))
    const found = nodes.find((candidate) => candidate.node === node)
    if (found === undefined) {
      const names = nodes.map((candidate) => candidate.node)
      const close = nearest(node, names)
      throw new GatewayError('not_found', `no node ${JSON.stringify(node)} in ${context.target.id}`, {
        hint: close === undefined ? `nodes: ${names.join(', ')}` : `did you mean ${close}?`,
      })
    }
    if (!found.online) return { node, status: 'offline', note: 'nothing can be measured while it is offline' }
    const path = `/nodes/${encodeURIComponent(node)}/status`
    const status = nodeStatus(await askProxmox(context, path, nodeStatusReply))
    return withoutEmpty({ node, cluster: context.target.id, status: 'online', ip: found.ip, ...status })
  },
})
