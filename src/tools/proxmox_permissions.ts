import { z } from 'zod'
import { askProxmox } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { foldedPermissions, lacking } from '../formats/proxmox-access.ts'
import { permissionsReply } from '../formats/proxmox-inventory.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'proxmox_permissions',
  description: "What the gateway's own token may do in Proxmox, what it lacks for typical work, and how to grant it.",
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  input: z.object({}),
  output: z.object({
    permissions: z.array(z.object({ paths: z.string(), may: z.string() })),
    lacking: z.array(
      z.object({ to: z.string(), lacks: z.string(), in_part_on: z.string().optional(), grant: z.string() }),
    ),
    note: z.string().optional(),
  }),
  async run(_input, context) {
    const held = await askProxmox(context, '/access/permissions', permissionsReply)
    const lacks = lacking(held)
    return withoutEmpty({
      permissions: [...foldedPermissions(held)],
      lacking: withoutEmptyColumns(lacks),
      note: lacks.length === 0 ? undefined : separation,
    })
  },
})

const separation =
  "TOKENID is the cluster's token_id. A token with privilege separation may do only what both it and its user are granted: repeat each line with --users 'USER@REALM', or create the token with --privsep 0"
