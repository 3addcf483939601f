import { z } from 'zod'
import { get } from '../core/operation.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import { defineTool } from '../core/tool.ts'
import { resourcesOrRemembered } from '../fleet/read-resources.ts'
import type { NodeRow } from '../formats/proxmox-resources.ts'
import { clusterStatus, clusterStatusReply } from '../formats/proxmox-status.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'
import { spanOf } from '../formats/uptime.ts'

export default defineTool({
  name: 'proxmox_list_nodes',
  description: 'Nodes of Proxmox clusters, offline ones too: use of CPU, memory and disk, guests, uptime.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  input: z.object({}),
  output: z.object({
    nodes: z.array(z.looseObject({ node: z.string(), status: z.string() })),
    note: z.string().optional(),
  }),
  async run(_input, context) {
    const { nodes, guests, seen } = await resourcesOrRemembered(context)
    const present = seen === undefined ? await presentNodes(context) : undefined
    const rows = nodes.map((node) => {
      const own = guests.filter((guest) => guest.node === node.node && guest.template !== true)
      const running = own.filter(({ status }) => status === 'running').length
      const isThere = present?.get(node.node) ?? node.status === 'online'
      const row = columns(isThere || seen !== undefined ? node : gone(node))
      return { ...row, guests: isThere ? `${running}/${own.length} run` : `${own.length} cut off` }
    })
    return { nodes: withoutEmptyColumns(rows), ...(seen !== undefined && { note: `as seen ${seen}` }) }
  },
})

/** The status knows at once which nodes are there; the list follows within minutes. */
async function presentNodes({ read }: Parameters<typeof resourcesOrRemembered>[0]) {
  const outcome = await read(get('/cluster/status'))
  // Who may not read the status has the list alone.
  if (outcome.status === 403) return undefined
  const { nodes } = clusterStatus(proxmoxData(outcome, clusterStatusReply, '/cluster/status'))
  return new Map(nodes.map(({ node, online }) => [node, online]))
}

/** What it last said of itself is no measurement any more. */
const gone = ({ node, cpus, memoryMib }: NodeRow): NodeRow => ({ node, status: 'offline', cpus, memoryMib })

const columns = (row: NodeRow) => ({
  node: row.node,
  status: row.status,
  cpus: row.cpus ?? '',
  cpu_pct: row.cpuPct ?? '',
  mem_gib: row.memoryMib === undefined ? '' : Math.round(row.memoryMib / 1024),
  mem_pct: row.memPct ?? '',
  disk_pct: row.diskPct ?? '',
  uptime: row.uptimeS === undefined || row.uptimeS === 0 ? '' : spanOf(row.uptimeS),
})
