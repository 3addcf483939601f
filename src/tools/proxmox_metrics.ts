import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestNamed, guestPath } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { readResources } from '../fleet/read-resources.ts'
import { metricRows, metricsReply, unmeasured } from '../formats/proxmox-metrics.ts'

export default defineTool({
  name: 'proxmox_metrics',
  description: 'CPU, memory, disk and network of a Proxmox guest or node over time: least, mean, greatest, last.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'of',
  input: z.object({
    of: z.string().min(1).max(100).describe('guest (vmid or name) or node'),
    timeframe: z.enum(['hour', 'day', 'week', 'month', 'year']).default('hour'),
  }),
  output: z.object({
    of: z.string(),
    metrics: z.array(
      z.object({ series: z.string(), min: z.number(), mean: z.number(), max: z.number(), last: z.number() }),
    ),
    note: z.string().optional(),
  }),
  async run({ of, timeframe }, context) {
    const { path, name } = await placeOf(of, context)
    const points = await askProxmox(context, `${path}/rrddata?timeframe=${timeframe}&cf=AVERAGE`, metricsReply)
    const gaps = unmeasured(points)
    const note = gaps === 0 ? undefined : `not measured in ${gaps} of ${points.length} points of the ${timeframe}`
    return { of: name, metrics: [...metricRows(points)], ...(note !== undefined && { note }) }
  },
})

/** A node by its name, else a guest. */
async function placeOf(wanted: string, context: Context): Promise<{ readonly path: string; readonly name: string }> {
  const rows = await readResources(context)
  const node = rows.nodes.find(
    (candidate) => candidate.node === wanted || `node:${context.target.id}/${candidate.node}` === wanted,
  )
  if (node !== undefined) return { path: `/nodes/${encodeURIComponent(node.node)}`, name: node.node }
  const guest = guestNamed(rows.guests, wanted, context.target.id)
  if (guest.status === 'unknown') {
    throw new GatewayError('unreachable', `the node ${guest.node} of ${wanted} does not answer`, {
      hint: 'proxmox_list_nodes tells how the nodes stand',
    })
  }
  return { path: guestPath(guest), name: `${guest.vmid}${guest.name === undefined ? '' : ` ${guest.name}`}` }
}
