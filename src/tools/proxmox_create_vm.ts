import { z } from 'zod'
import type { Outcome } from '../core/operation.ts'
import type { Plan } from '../core/plan.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { refusal } from '../guests/guest-now.ts'
import { vmidSchema } from '../guests/next-id.ts'
import { machineFromIso, machineFromTemplate } from '../guests/placement-machine.ts'
import { hostName, ipRule, sshKeys, tagNames } from '../guests/placement-names.ts'
import { taskEnd } from '../guests/task-end.ts'

export default defineTool({
  name: 'proxmox_create_vm',
  description: 'Create a Proxmox VM from an ISO, or from a template set up by cloud-init, and start it.',
  capability: 'proxmox:admin',
  risk: 'write',
  targets: ['proxmox'],
  resource: 'node',
  input: z.object({
    name: hostName.describe('its name'),
    iso: z.string().max(255).optional().describe('volid or short name'),
    template: z.string().max(100).optional().describe('name or vmid'),
    cores: z.number().int().min(1).max(8192).optional(),
    memory_mib: z.number().int().min(16).max(16_777_216).optional(),
    disk_gib: z.number().int().min(1).max(65_536).optional(),
    storage: z.string().max(100).optional(),
    bridge: z.string().max(40).optional(),
    user: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'write the name of a user: admin')
      .optional(),
    ssh_keys: sshKeys.default([]),
    ip: z.string().max(100).optional().describe(ipRule),
    tags: tagNames.default([]),
    pool: z.string().max(100).optional(),
    node: z.string().max(100).optional(),
    vmid: vmidSchema.optional(),
    start: z.boolean().default(true),
  }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    node: z.string(),
    status: z.string(),
    address: z.string().optional(),
    note: z.string().optional(),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan({ iso, template, ...wanted }, context) {
    if (iso !== undefined && template === undefined) return machineFromIso(context, wanted, iso)
    if (template !== undefined && iso === undefined) return machineFromTemplate(context, wanted, template)
    throw refusal('a VM is made from an iso or from a template', 'say one of the two')
  },
  report({ basis }: Plan, outcomes: readonly Outcome[]) {
    const isStarted = basis['start'] === true
    const address = String(basis['address'] ?? '')
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      node: String(basis['node']),
      status: isStarted ? 'running' : 'stopped',
      address: address === 'dhcp' ? 'by DHCP: proxmox_guest_info has it once its agent runs' : address,
      note: basis['iso'] !== undefined && isStarted ? 'the installer waits at its console' : undefined,
      task: outcomes.map(taskEnd).find((end) => end !== undefined),
    })
  },
})
