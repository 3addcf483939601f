import { z } from 'zod'
import { askProxmox, blindNote, lastPart } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { clusterResources, resourcesReply, type StorageRow } from '../formats/proxmox-resources.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'proxmox_list_storage',
  description: 'Proxmox storages with size, use, content and status; a shared one once, others once per node.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'node',
  input: z.object({
    node: z.string().max(100).optional(),
    content: z.enum(['iso', 'vztmpl', 'backup', 'images', 'rootdir', 'snippets']).optional(),
  }),
  output: z.object({
    storages: z.array(
      z.object({
        storage: z.string(),
        node: z.string().optional(),
        type: z.string().optional(),
        used_pct: z.number().optional(),
        size_gib: z.number().optional(),
        status: z.string(),
        content: z.string().optional(),
      }),
    ),
    note: z.string().optional(),
  }),
  async run({ node, content }, context) {
    const listed = await askProxmox(context, '/cluster/resources?type=storage', resourcesReply)
    const { storages } = clusterResources(listed)
    const wanted = storages.filter(
      (row) =>
        (node === undefined || row.node === lastPart(node)) && (content === undefined || row.content.includes(content)),
    )
    const shared = [...new Set(wanted.flatMap((row) => (row.shared ? [row.storage] : [])))]
    const rows = [
      ...shared.map((name) => folded(wanted.filter((row) => row.shared && row.storage === name))),
      ...wanted.filter((row) => !row.shared).map((row) => rowOf(row, row.node, row.status)),
    ].toSorted((a, b) => (a.storage < b.storage ? -1 : a.storage > b.storage ? 1 : 0))
    return withoutEmpty({
      storages: withoutEmptyColumns(rows),
      note: noteOf(storages.length, wanted.length),
    })
  },
})

function noteOf(all: number, wanted: number): string | undefined {
  if (all === 0) return blindNote('storages', 'Datastore.Audit on /storage')
  return wanted === 0 ? `none of ${all} entries fits: without node and content all are shown` : undefined
}

const rowOf = ({ storage, type, usedPct, sizeGib, content }: StorageRow, node: string, status: string) => ({
  storage,
  node,
  type,
  used_pct: usedPct,
  size_gib: sizeGib,
  status,
  content: content.join(' '),
})

/** A shared storage as its nodes see it; where they differ, each that has trouble is named: `available (riga: unknown)`. */
function folded(rows: readonly StorageRow[]) {
  const best = rows.find(({ status }) => status === 'available') ?? rows[0]
  if (best === undefined) throw new TypeError('a storage without a row')
  const others = rows.filter(({ status }) => status !== best.status).map(({ node, status }) => `${node}: ${status}`)
  return rowOf(best, 'shared', others.length === 0 ? best.status : `${best.status} (${others.join(', ')})`)
}
