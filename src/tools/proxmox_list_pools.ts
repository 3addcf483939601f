import { z } from 'zod'
import { askEach, askProxmox, blindNote } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { poolMembers, poolReply, poolsReply } from '../formats/proxmox-access.ts'
import { oneLine } from '../formats/proxmox-volumes.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'proxmox_list_pools',
  description: 'Proxmox pools with their guests and storages.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  input: z.object({}),
  output: z.object({
    pools: z.array(
      z.object({
        pool: z.string(),
        count: z.number(),
        guests: z.string().optional(),
        storages: z.string().optional(),
        comment: z.string().optional(),
      }),
    ),
    not_read: z.string().optional(),
    note: z.string().optional(),
  }),
  async run(_input, context) {
    const pools = await askProxmox(context, '/pools', poolsReply)
    const asked = await askEach(
      pools.toSorted((a, b) => (a.poolid < b.poolid ? -1 : 1)),
      ({ poolid }) => poolid,
      async ({ poolid }) => poolMembers(await readPool(poolid)),
    )
    async function readPool(poolid: string) {
      // Nested pools (since 8.2) have a slash in their name, which no path can carry.
      if (!poolid.includes('/')) return askProxmox(context, `/pools/${encodeURIComponent(poolid)}`, poolReply)
      const [nested] = await askProxmox(context, `/pools?poolid=${encodeURIComponent(poolid)}`, z.array(poolReply))
      return nested ?? { members: [] }
    }
    const rows = asked.found.map(({ of, value }) => ({ pool: of.poolid, ...value, comment: oneLine(of.comment ?? '') }))
    return withoutEmpty({
      pools: withoutEmptyColumns(rows.map(({ guests, ...row }) => ({ ...row, guests: oneLine(guests, 1500) }))),
      not_read: asked.notRead.join('; '),
      note: pools.length === 0 ? blindNote('pools', 'Pool.Audit on /pool') : undefined,
    })
  },
})
