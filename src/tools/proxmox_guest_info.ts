import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestNamed, guestPath, guestRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { resourcesOrRemembered } from '../fleet/read-resources.ts'
import { configLines, guestConfigReply, guestStatusReply, guestUse, stateOf } from '../formats/proxmox-guest-detail.ts'
import type { GuestRow } from '../formats/proxmox-resources.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { spanOf } from '../formats/uptime.ts'

export default defineTool({
  name: 'proxmox_guest_info',
  description: 'One Proxmox container or VM in detail: state now, use, addresses, lock, disks, networks, options.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({ guest: z.string().min(1).max(100).describe(guestRule) }),
  output: z.looseObject({ vmid: z.number(), status: z.string() }),
  async run({ guest: wanted }, context) {
    const { guests, seen } = await resourcesOrRemembered(context)
    const row = guestNamed(guests, wanted, context.target.id)
    const addresses = row.addresses.join(' ')
    if (seen !== undefined) return { ...summary(row, addresses, context.target.id), note: `as seen ${seen}` }
    if (row.status === 'unknown') {
      const note = `its node ${row.node} does not answer: nothing can be measured`
      return { ...summary(row, addresses, context.target.id), note }
    }
    return { ...summary(row, addresses, context.target.id), ...(await detail(row, context)) }
  },
})

const summary = (row: GuestRow, addresses: string, cluster: string) => ({
  ...withoutEmpty({
    vmid: row.vmid,
    name: row.name,
    kind: row.kind,
    cluster,
    node: row.node,
    template: row.template === true ? true : undefined,
    addresses,
    tags: row.tags.join(' '),
    pool: row.pool,
    lock: row.lock,
    ha: row.ha,
    uptime: row.uptimeS === undefined ? undefined : spanOf(row.uptimeS),
  }),
  vmid: row.vmid,
  status: row.status,
})

async function detail(row: GuestRow, context: Context) {
  const path = guestPath(row)
  const status = await askProxmox(context, `${path}/status/current`, guestStatusReply)
  const config = await askProxmox(context, `${path}/config`, guestConfigReply)
  const { description } = config
  return {
    ...withoutEmpty({
      ...guestUse(status),
      lock: status.lock,
      config: configLines(config),
      notes: description?.trim(),
    }),
    status: stateOf(status),
  }
}
