import { z } from 'zod'
import type { Outcome } from '../core/operation.ts'
import type { Plan } from '../core/plan.ts'
import { guestRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { guestNow } from '../guests/guest-now.ts'
import { makeStep, wayBackOf } from '../guests/new-guest-steps.ts'
import { vmidSchema } from '../guests/next-id.ts'
import { copyOf } from '../guests/placement-clone.ts'
import { hostName } from '../guests/placement-names.ts'
import { taskEnd } from '../guests/task-end.ts'

export default defineTool({
  name: 'proxmox_clone_guest',
  description: 'Copy a Proxmox container, VM or template to a new, stopped guest.',
  capability: 'proxmox:admin',
  risk: 'write',
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().min(1).max(100).describe(guestRule),
    name: hostName.describe('of the clone'),
    linked: z.boolean().default(false).describe('templates only'),
    snapshot: z.string().max(40).optional(),
    storage: z.string().max(100).optional(),
    node: z.string().max(100).optional(),
    pool: z.string().max(100).optional(),
    vmid: vmidSchema.optional(),
  }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    node: z.string(),
    status: z.string(),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan({ guest: named, ...wanted }, context) {
    const source = await guestNow(context, named, { to: 'clone', needsQuorum: true })
    const copy = await copyOf(context, source, wanted)
    const { vmid, node, make } = copy
    const way = wanted.linked ? 'linked clone' : 'copy'
    const of = wanted.snapshot === undefined ? source.title : `snapshot ${wanted.snapshot} of ${source.title}`
    const state =
      source.status === 'running' && wanted.snapshot === undefined ? ', its disks as they are while it runs' : ''
    const to = wanted.storage === undefined ? '' : `, disks on ${wanted.storage}`
    return {
      summary: `make ${wanted.name} (${source.kind} ${vmid} on ${node} of ${context.target.id}), a ${way} of ${of}${state}${to}`,
      basis: copy.basis,
      steps: [makeStep({ ...copy, name: wanted.name }, make)],
      preview: wayBackOf(vmid),
    }
  },
  report({ basis }: Plan, outcomes: readonly Outcome[]) {
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      node: String(basis['node']),
      status: 'stopped',
      task: taskEnd(outcomes[0]),
    })
  },
})
