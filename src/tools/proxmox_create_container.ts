import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { type Outcome, post } from '../core/operation.ts'
import type { Plan } from '../core/plan.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { clusterResources, resourcesReply } from '../formats/proxmox-resources.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { requireQuorum } from '../guests/guest-now.ts'
import { makeStep, startStep, wayBackOf } from '../guests/new-guest-steps.ts'
import { freeVmid, vmidSchema } from '../guests/next-id.ts'
import { bridgeFor, nodeFor, requirePool, storageFor, storagesOf } from '../guests/placement.ts'
import { fixedAddress, hostName, ipRule, ipSetting, sshKeys, tagList, tagNames } from '../guests/placement-names.ts'
import { sourceVolume } from '../guests/placement-volumes.ts'
import { taskEnd } from '../guests/task-end.ts'

const input = z.object({
  template: z.string().min(1).max(255).describe('volid or short name'),
  hostname: hostName.describe('its name'),
  cores: z.number().int().min(1).max(8192).default(1),
  memory_mib: z.number().int().min(16).default(512),
  disk_gib: z.number().int().min(1).max(65_536).default(8),
  storage: z.string().max(100).optional(),
  bridge: z.string().max(40).optional(),
  ip: z.string().max(100).default('dhcp').describe(ipRule),
  ssh_keys: sshKeys.default([]),
  tags: tagNames.default([]),
  pool: z.string().max(100).optional(),
  node: z.string().max(100).optional(),
  vmid: vmidSchema.optional(),
  start: z.boolean().default(true),
})
type Wanted = z.output<typeof input>

export default defineTool({
  name: 'proxmox_create_container',
  description: 'Create an unprivileged Proxmox container from a template, and start it.',
  capability: 'proxmox:admin',
  risk: 'write',
  targets: ['proxmox'],
  resource: 'node',
  input,
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    node: z.string(),
    status: z.string(),
    address: z.string().optional(),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan(wanted, context) {
    const net = ipSetting(wanted.ip)
    const place = await placeOf(wanted, context)
    const { vmid, node, template, storage, bridge } = place
    const { hostname, cores, memory_mib, disk_gib, start } = wanted
    const body = { ...bodyOf(wanted, place), net0: `name=eth0,bridge=${bridge},${net}` }
    const guest = { vmid, node, kind: 'lxc', name: hostname } as const
    const make = makeStep(guest, post(`/nodes/${encodeURIComponent(node)}/lxc`, body))
    return {
      summary: `create container ${hostname} (${vmid} on ${node} of ${context.target.id}) from ${template}: ${cores} ${cores === 1 ? 'core' : 'cores'}, ${memory_mib} MiB, ${disk_gib} GiB on ${storage}, ${bridge} ${net}${start ? '; then start it' : ''}`,
      basis: { cluster: context.target.id, name: hostname, ...place, address: fixedAddress(net) ?? 'dhcp', start },
      steps: start ? [make, startStep(guest)] : [make],
      preview: wayBackOf(vmid),
    }
  },
  report({ basis, steps }: Plan, outcomes: readonly Outcome[]) {
    const isStarted = steps.length > 1
    const address = String(basis['address'])
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      node: String(basis['node']),
      status: isStarted ? 'running' : 'stopped',
      address: address === 'dhcp' && isStarted ? 'by DHCP: proxmox_guest_info has it soon' : address,
      task: outcomes.map(taskEnd).find((end) => end !== undefined),
    })
  },
})

/** Where it goes and what it is made from. */
interface Place {
  readonly vmid: number
  readonly node: string
  readonly template: string
  readonly storage: string
  readonly bridge: string
}

async function placeOf(wanted: Wanted, context: Context): Promise<Place> {
  const node = await nodeFor(context, wanted.node)
  await requireQuorum(context, `cannot create ${wanted.hostname}`)
  const storages = await storagesOf(context, node)
  const { volid } = await sourceVolume(context, storages, { node, content: 'vztmpl', wanted: wanted.template })
  const need = { node, storage: wanted.storage, content: 'rootdir', gib: wanted.disk_gib } as const
  const { storage } = storageFor(context, storages, need)
  const bridge = await bridgeFor(context, node, wanted.bridge)
  await requirePool(context, wanted.pool)
  const { guests } = clusterResources(await askProxmox(context, '/cluster/resources?type=vm', resourcesReply))
  return { vmid: await freeVmid(context, guests, wanted.vmid), node, template: volid, storage, bridge }
}

function bodyOf({ hostname, cores, memory_mib, disk_gib, ssh_keys, tags, pool }: Wanted, place: Place) {
  const keys = ssh_keys.length === 0 ? undefined : ssh_keys.join('\n')
  return withoutEmpty({
    vmid: place.vmid,
    hostname,
    ostemplate: place.template,
    cores,
    memory: memory_mib,
    rootfs: `${place.storage}:${disk_gib}`,
    unprivileged: true,
    features: 'nesting=1',
    'ssh-public-keys': keys,
    tags: tagList(tags),
    pool,
  })
}
