import { z } from 'zod'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestNamed } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { clusterResources, resourcesReply } from '../formats/proxmox-resources.ts'
import { snapshotsOf, snapshotsReply } from '../formats/proxmox-snapshots.ts'
import { oneLine } from '../formats/proxmox-volumes.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'proxmox_list_snapshots',
  description: 'Snapshots of a Proxmox guest, oldest first, and the one it now stands on.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({ guest: z.string().min(1).max(100).describe('vmid or name') }),
  output: z.object({
    guest: z.string(),
    snapshots: z.array(
      z.object({
        name: z.string(),
        age: z.string().optional(),
        parent: z.string().optional(),
        ram: z.string().optional(),
        description: z.string().optional(),
      }),
    ),
    now_on: z.string().optional(),
  }),
  async run({ guest }, context) {
    const { guests } = clusterResources(await askProxmox(context, '/cluster/resources?type=vm', resourcesReply))
    const found = guestNamed(guests, guest, context.target.id)
    const path = `/nodes/${encodeURIComponent(found.node)}/${found.kind}/${found.vmid}/snapshot`
    const { snapshots, now } = snapshotsOf(await askProxmox(context, path, snapshotsReply))
    const rows = snapshots.map(({ name: own, snaptime, parent, vmstate, description }) => ({
      name: own,
      age: snaptime === undefined ? '' : ageOf(new Date(snaptime * 1000), context.now),
      parent: parent ?? '',
      ram: vmstate === 1 ? 'yes' : '',
      description: oneLine(description ?? '', 120),
    }))
    return withoutEmpty({
      guest: `${found.kind} ${found.vmid} ${found.name ?? ''} on ${found.node}`,
      snapshots: withoutEmptyColumns(rows),
      now_on: now,
    })
  },
})
