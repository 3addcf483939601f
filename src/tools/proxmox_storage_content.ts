import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { askProxmox, lastPart, nodesToAsk, shown } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { contentReply } from '../formats/proxmox-inventory.ts'
import { clusterResources, resourcesReply } from '../formats/proxmox-resources.ts'
import { inUnits, newestFirst, oneLine, type Volume } from '../formats/proxmox-volumes.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'proxmox_storage_content',
  description: 'What a Proxmox storage holds (images, templates, backups, disks), newest first.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'storage',
  input: z.object({
    storage: z.string().min(1).max(100).describe('its name'),
    node: z.string().max(100).optional(),
    content: z.enum(['iso', 'vztmpl', 'backup', 'images', 'rootdir']).optional(),
    limit: z.number().int().min(1).max(500).default(50),
  }),
  output: z.object({
    node: z.string(),
    volumes: z.array(
      z.object({
        volid: z.string(),
        content: z.string().optional(),
        guest: z.number().optional(),
        size_mib: z.number().optional(),
        age: z.string().optional(),
        protected: z.string().optional(),
        notes: z.string().optional(),
      }),
    ),
    more: z.number().optional().describe('left out'),
    note: z.string().optional(),
  }),
  async run({ storage: named, node, content, limit }, context) {
    const storage = lastPart(named)
    const { nodes, others } = await placesOf(context, storage, node)
    const query = content === undefined ? '' : `?content=${content}`
    const { at, volumes } = await firstAnswer(nodes, async (one) =>
      askProxmox(
        context,
        `/nodes/${encodeURIComponent(one)}/storage/${encodeURIComponent(storage)}/content${query}`,
        contentReply,
      ),
    )
    const notes = [
      others.length > 0 ? `not shared: ${others.join(', ')} have their own content` : '',
      volumes.length === 0 ? 'empty, or the token may not see its volumes (needs VM.Audit on their guests)' : '',
    ]
    return withoutEmpty({
      node: at,
      volumes: withoutEmptyColumns(
        newestFirst(volumes)
          .slice(0, limit)
          .map((volume) => rowOf(volume, context.now)),
      ),
      more: volumes.length > limit ? volumes.length - limit : undefined,
      note: notes.filter((text) => text !== '').join('; '),
    })
  },
})

const rowOf = (volume: Volume, now: Date) => ({
  volid: oneLine(volume.volid, 200),
  content: volume.content ?? '',
  guest: volume.vmid,
  size_mib: inUnits(volume.size, 2 ** 20),
  age: volume.ctime === undefined ? '' : ageOf(new Date(volume.ctime * 1000), now),
  protected: volume.protected === 1 ? 'yes' : '',
  notes: oneLine(volume.notes),
})

/** Where it can be read: the named node, or those on which it is available. @throws GatewayError not_found, unreachable */
async function placesOf(context: Context, storage: string, node: string | undefined) {
  if (!/^[A-Za-z][\w.-]*$/.test(storage))
    throw new GatewayError('invalid_input', `${shown(storage)} is no name of a storage`, {
      hint: 'proxmox_list_storage has the names',
    })
  if (node !== undefined) return { nodes: (await nodesToAsk(context, node)).online, others: [] }
  const listed = await askProxmox(context, '/cluster/resources?type=storage', resourcesReply)
  const { storages } = clusterResources(listed)
  const rows = storages.filter((row) => row.storage === storage)
  if (rows.length === 0)
    throw new GatewayError('not_found', `no storage ${shown(storage)} in this cluster, or the token may not see it`, {
      hint:
        storages.length === 0
          ? 'it needs Datastore.Audit on /storage (role PVEAuditor)'
          : `it sees: ${[...new Set(storages.map((row) => row.storage))].join(', ')}; for another cluster say cluster`,
    })
  const there = rows.filter(({ status }) => status === 'available')
  const [first] = there
  if (first === undefined)
    throw new GatewayError(
      'unreachable',
      `storage ${storage} is not available: ${rows.map((row) => `${row.node} ${row.status}`).join(', ')}`,
      { hint: 'look at its server, or at the node' },
    )
  if (first.shared) return { nodes: there.map((row) => row.node), others: [] }
  return { nodes: [first.node], others: rows.filter((row) => row !== first).map((row) => row.node) }
}

/** A shared storage can be read on any of its nodes: one that does not answer is passed over. */
async function firstAnswer(nodes: readonly string[], ask: (node: string) => Promise<readonly Volume[]>) {
  let last: GatewayError | undefined
  for (const at of nodes) {
    try {
      return { at, volumes: await ask(at) }
    } catch (error) {
      last = GatewayError.from(error)
      if (last.code !== 'unreachable') throw last
    }
  }
  throw last ?? new TypeError('no node to ask')
}
