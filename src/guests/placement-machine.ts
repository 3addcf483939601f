import type { Context } from '../core/context.ts'
import { post, type Request } from '../core/operation.ts'
import type { Plan, Step } from '../core/plan.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestPath } from '../core/proxmox-guest.ts'
import { clusterResources, resourcesReply } from '../formats/proxmox-resources.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { guestNow, refusal, requireQuorum } from './guest-now.ts'
import { makeStep, startStep, wayBackOf } from './new-guest-steps.ts'
import { freeVmid } from './next-id.ts'
import { bridgeFor, nodeFor, requirePool, storageFor, storagesOf } from './placement.ts'
import { copyOf } from './placement-clone.ts'
import { bootDisk, clonedSettings, grownTo, type WantedSettings } from './placement-cloud-init.ts'
import { fixedAddress, tagList } from './placement-names.ts'
import { sourceVolume } from './placement-volumes.ts'

/** A virtual machine as callers ask for it. */
export interface WantedMachine extends WantedSettings {
  readonly name: string
  readonly disk_gib?: number | undefined
  readonly storage?: string | undefined
  readonly node?: string | undefined
  readonly pool?: string | undefined
  readonly vmid?: number | undefined
  readonly start: boolean
}

const settingsMs = 60_000
const growMs = 10 * 60_000

/** A plan for an empty virtual machine with an image in its drive. @throws GatewayError */
export async function machineFromIso(context: Context, wanted: WantedMachine, iso: string): Promise<Plan> {
  refuseCloudInit(wanted)
  const node = await nodeFor(context, wanted.node)
  await requireQuorum(context, `cannot create ${wanted.name}`)
  const storages = await storagesOf(context, node)
  const { volid } = await sourceVolume(context, storages, { node, content: 'iso', wanted: iso })
  const { cores = 2, memory_mib = 2048, disk_gib = 32, name, start } = wanted
  const need = { node, storage: wanted.storage, content: 'images', gib: disk_gib } as const
  const { storage } = storageFor(context, storages, need)
  const bridge = await bridgeFor(context, node, wanted.bridge)
  await requirePool(context, wanted.pool)
  const { guests } = clusterResources(await askProxmox(context, '/cluster/resources?type=vm', resourcesReply))
  const vmid = await freeVmid(context, guests, wanted.vmid)
  const body = withoutEmpty({
    vmid,
    name,
    cores,
    memory: memory_mib,
    cpu: 'x86-64-v2-AES',
    ostype: 'l26',
    agent: '1',
    scsihw: 'virtio-scsi-single',
    scsi0: `${storage}:${disk_gib},discard=on,iothread=1`,
    ide2: `${volid},media=cdrom`,
    boot: 'order=scsi0;ide2',
    net0: `virtio,bridge=${bridge}`,
    tags: tagList(wanted.tags),
    pool: wanted.pool,
  })
  const machine = { vmid, node, kind: 'qemu', name } as const
  const make = makeStep(machine, post(`/nodes/${encodeURIComponent(node)}/qemu`, body))
  return {
    summary: `create VM ${name} (${vmid} on ${node} of ${context.target.id}) with ${volid} in its drive: ${cores} cores, ${memory_mib} MiB, ${disk_gib} GiB on ${storage}, ${bridge}${start ? '; then start it' : ''}`,
    basis: { cluster: context.target.id, name, vmid, node, iso: volid, storage, bridge, start },
    steps: start ? [make, startStep(machine)] : [make],
    preview: wayBackOf(vmid),
  }
}

function refuseCloudInit({ user, ssh_keys, ip }: WantedMachine): void {
  if (user === undefined && ssh_keys.length === 0 && ip === undefined) return
  throw refusal(
    'an installer from an ISO takes no user, ssh_keys or ip',
    'say them in the installer, or use a template with cloud-init',
  )
}

/** A plan for a copy of a template: cloned, told its settings, its disk grown. @throws GatewayError */
export async function machineFromTemplate(context: Context, wanted: WantedMachine, template: string): Promise<Plan> {
  const source = await guestNow(context, template, { to: 'clone', needsQuorum: true })
  if (source.kind !== 'qemu' || !source.isTemplate)
    throw refusal(
      `${source.title} is no template of a virtual machine`,
      'proxmox_clone_guest copies any guest; proxmox_convert_template makes templates',
    )
  const copy = await copyOf(context, source, { ...wanted, linked: false })
  const { vmid, node, config, disks } = copy
  const { name, start } = wanted
  const disk = bootDisk(config, disks)
  const size = grownTo(disk, wanted.disk_gib, source.title)
  const bridge = wanted.bridge === undefined ? undefined : await bridgeFor(context, node, wanted.bridge)
  const storage = copy.storage ?? disk?.storage ?? ''
  const settings = clonedSettings(config, { ...wanted, bridge }, storage)
  const machine = { vmid, node, kind: 'qemu', name } as const
  const changes = [settingStep(guestPath(machine), settings), growStep(guestPath(machine), disk?.key, size)]
  const address = fixedAddress(String(settings['ipconfig0'] ?? '')) ?? (start ? 'dhcp' : '')
  return {
    summary: `create VM ${name} (${vmid} on ${node} of ${context.target.id}) as a copy of ${source.title}${told(settings, size)}${start ? '; then start it' : ''}`,
    basis: { ...copy.basis, address, start },
    steps: [
      makeStep(machine, copy.make),
      ...changes.filter((step) => step !== undefined),
      ...(start ? [startStep(machine)] : []),
    ],
    preview: wayBackOf(vmid),
  }
}

const told = (settings: Readonly<Record<string, string | number>>, size: string | undefined): string => {
  const said = Object.entries(settings).map(([key, value]) => (key === 'sshkeys' ? 'ssh keys' : `${key} ${value}`))
  const all = size === undefined ? said : [...said, `disk ${size}`]
  return all.length === 0 ? '' : `: ${all.join(', ')}`
}

/** As a task, whose end can be found again when its answer is lost. */
function settingStep(path: string, body: Readonly<Record<string, string | number>>): Step | undefined {
  if (Object.keys(body).length === 0) return undefined
  return { do: { ...post(`${path}/config`, body), timeoutMs: settingsMs } }
}

function growStep(path: string, disk: string | undefined, size: string | undefined): Step | undefined {
  if (disk === undefined || size === undefined) return undefined
  const grow: Request = { kind: 'request', method: 'PUT', path: `${path}/resize`, body: { disk, size } }
  return { do: { ...grow, timeoutMs: growMs } }
}
