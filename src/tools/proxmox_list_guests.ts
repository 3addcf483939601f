import { z } from 'zod'
import { defineTool } from '../core/tool.ts'
import { resourcesOrRemembered } from '../fleet/read-resources.ts'
import { guestColumns, guestPasses } from '../formats/proxmox-guest-rows.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

const word = z.string().max(100).optional()

export default defineTool({
  name: 'proxmox_list_guests',
  description: 'Containers and VMs of Proxmox clusters: node, status, use, address, tags.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  input: z.object({
    node: word.describe('its name'),
    status: z.enum(['running', 'stopped', 'paused', 'suspended', 'unknown']).optional(),
    kind: z.enum(['lxc', 'qemu']).optional(),
    tag: word.describe('one'),
    pool: word.describe('one'),
    text: word.describe('in name or vmid'),
    limit: z.number().int().min(1).max(1000).default(200),
  }),
  output: z.object({
    guests: z.array(
      z.looseObject({ vmid: z.number(), name: z.string().optional(), node: z.string().optional(), status: z.string() }),
    ),
    left_out: z.number().optional(),
    note: z.string().optional(),
  }),
  async run({ limit, ...filter }, context) {
    const { guests, seen } = await resourcesOrRemembered(context)
    const fitting = guests.filter((guest) => guestPasses(guest, filter))
    const rows = fitting.slice(0, limit).map((guest) => guestColumns(guest, guest.addresses))
    const left = fitting.length - rows.length
    const notes = [
      ...(seen === undefined ? [] : [`as seen ${seen}`]),
      ...(guests.length === 0 ? ['none; a token without VM.Audit sees none: proxmox_permissions tells'] : []),
    ]
    return {
      guests: withoutEmptyColumns(rows),
      ...(left > 0 && { left_out: left }),
      ...(notes.length > 0 && { note: notes.join('; ') }),
    }
  },
})
