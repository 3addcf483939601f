import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { askAllowed, askProxmox } from '../core/proxmox-ask.ts'
import { guestPath } from '../core/proxmox-guest.ts'
import type { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { type GuestDisk, guestDisks, sizeText } from './guest-config-disks.ts'
import { type GuestNow, refusal } from './guest-now.ts'
import { type NodeStorage, storageNamed, storagesOf } from './placement.ts'

type Reader = Pick<Context, 'read' | 'target'>
type Config = z.output<typeof guestConfigReply>

/** What a guest's way to another node takes. */
export interface Move {
  readonly guest: GuestNow
  readonly config: Config
  /** The node that it goes to. */
  readonly to: string
  /** The storage that its local disks go to; left out: that of the same name. */
  readonly storage?: string | undefined
}

/** Disks that are copied, since the nodes do not share their storage; and what a person should know besides. */
export interface MoveNeeds {
  readonly copied: readonly GuestDisk[]
  readonly notes: readonly string[]
}

const blocking = z.object({ sid: z.string(), cause: z.string().optional() })
const conditionsReply = z.object({
  local_disks: z.array(z.object({ volid: z.string(), cdrom: z.coerce.number().optional() })).default([]),
  local_resources: z.array(z.string()).default([]),
  not_allowed_nodes: z
    .record(
      z.string(),
      z.object({
        unavailable_storages: z.array(z.string()).default([]),
        'blocking-ha-resources': z.array(blocking).default([]),
      }),
    )
    .default({}),
  'dependent-ha-resources': z.array(z.string()).default([]),
})

/** Asks what stands against it. @throws GatewayError invalid_input, not_found, unreachable: what must change first */
export async function moveNeeds(context: Reader, move: Move): Promise<MoveNeeds> {
  const { guest, config, to } = move
  const cannot = `cannot migrate ${guest.title} to ${to}`
  if (guest.isManaged && move.storage !== undefined)
    throw refusal(`${cannot}: its HA manager names no other storage`, 'leave storage out, or take it out of HA first')
  const conditions = guest.kind === 'qemu' ? await requireConditions(context, move, cannot) : undefined
  if (guest.kind === 'lxc') requireNoBindMounts(guestDisks(config), cannot)
  const there = await storagesOf(context, to)
  const copied = guestDisks(config).filter((disk) => isCopied(disk, guest))
  for (const disk of guestDisks(config)) requireStorage(disk, there, { ...move, cannot })
  requireRoom(copied, there, { ...move, cannot })
  await requireBridges(context, move, cannot)
  const dependent = conditions?.['dependent-ha-resources'] ?? []
  return {
    copied,
    notes: [
      ...(dependent.length === 0 ? [] : [`its HA manager moves with it: ${dependent.join(', ')}`]),
      ...copied.map((disk) => `copied over the network: ${disk.key} ${disk.volume}${sizeOf(disk)}`),
    ],
  }
}

const sizeOf = ({ sizeBytes }: GuestDisk): string => (sizeBytes === undefined ? '' : ` (${sizeText(sizeBytes)})`)

/** What the node itself tells of a VM. Source: GET /nodes/{node}/qemu/{vmid}/migrate */
async function requireConditions(context: Reader, { guest, to }: Move, cannot: string) {
  const path = `${guestPath(guest)}/migrate?target=${encodeURIComponent(to)}`
  const found = await askProxmox(context, path, conditionsReply)
  if (found.local_resources.length > 0)
    throw refusal(
      `${cannot}: it uses devices of ${guest.node}: ${found.local_resources.join(', ')}`,
      'take them off it first',
    )
  const media = found.local_disks.filter(({ cdrom, volid }) => cdrom === 1 && !volid.includes('cloudinit'))
  if (media.length > 0)
    throw refusal(
      `${cannot}: an image of ${guest.node} is in its drive: ${media.map(({ volid }) => volid).join(', ')}`,
      'take it out first: proxmox_configure_guest with set: {ide2: "none,media=cdrom"}',
    )
  const against = found.not_allowed_nodes[to]
  if (against !== undefined && against['blocking-ha-resources'].length > 0)
    throw refusal(
      `${cannot}: its HA rules forbid it: ${against['blocking-ha-resources'].map(({ sid, cause }) => `${sid} (${cause})`).join(', ')}`,
      'change the rules, or take another node',
    )
  return found
}

/** Bind mounts and devices stay behind, unless they are said to be everywhere. Source: PVE::LXC::Migrate */
function requireNoBindMounts(disks: readonly GuestDisk[], cannot: string): void {
  const bound = disks.filter(({ storage, isShared }) => storage === undefined && !isShared)
  if (bound.length === 0) return
  throw refusal(
    `${cannot}: it has mounts of its node: ${bound.map(({ key, volume }) => `${key} ${volume}`).join(', ')}`,
    'take them off it first; one that is the same on all nodes is marked shared=1',
  )
}

const isCopied = ({ storage, isMedia }: GuestDisk, { node, cluster }: GuestNow): boolean =>
  storage !== undefined &&
  !isMedia &&
  cluster.storages.some((row) => row.storage === storage && row.node === node && !row.shared)

interface Wanted extends Move {
  readonly cannot: string
}

const storageFor = ({ storage = '' }: GuestDisk, wanted: string | undefined, isMoved: boolean): string =>
  (isMoved ? wanted : undefined) ?? storage

/** @throws GatewayError not_found, invalid_input, unreachable */
function requireStorage(disk: GuestDisk, there: readonly NodeStorage[], { guest, to, storage, cannot }: Wanted): void {
  if (disk.storage === undefined) return
  const isMoved = isCopied(disk, guest)
  const name = storageFor(disk, storage, isMoved)
  if (!there.some((one) => one.storage === name) && storage === undefined)
    throw refusal(
      `${cannot}: ${to} has no storage ${name}, where ${disk.key} lies`,
      isMoved ? 'say storage: one of that node that takes its disks' : `make ${name} available there`,
    )
  const found = storageNamed(there, name, { node: to })
  if (!found.isActive)
    throw new GatewayError('unreachable', `${cannot}: storage ${name} is not active there`, {
      hint: 'proxmox_list_storage shows how storages stand',
    })
  const content = guest.kind === 'lxc' ? 'rootdir' : 'images'
  if (isMoved && !found.content.includes(content))
    throw refusal(
      `${cannot}: storage ${name} takes no ${content} there`,
      `it holds ${found.content.join(', ')}; say another storage`,
    )
}

/** @throws GatewayError operation_failed: too little room */
function requireRoom(copied: readonly GuestDisk[], there: readonly NodeStorage[], { storage, cannot }: Wanted): void {
  const byStorage = Map.groupBy(copied, (disk) => storageFor(disk, storage, true))
  for (const [name, disks] of byStorage) {
    const free = there.find((one) => one.storage === name)?.free
    const needed = disks.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0)
    if (free === undefined || free >= needed) continue
    throw new GatewayError(
      'operation_failed',
      `${cannot}: storage ${name} has ${gib(free)} GiB left there, and ${gib(needed)} are needed`,
      {
        hint: 'make room there, or say another storage',
      },
    )
  }
}

const gib = (bytes: number): number => Math.round((bytes / 2 ** 30) * 10) / 10

const bridgesReply = z.array(z.object({ iface: z.string() }))

/** Who may not see bridges is told by Proxmox VE. @throws GatewayError invalid_input */
async function requireBridges(context: Reader, { config, to }: Move, cannot: string): Promise<void> {
  const path = `/nodes/${encodeURIComponent(to)}/network?type=any_bridge`
  const found = await askAllowed(context, path, bridgesReply)
  if (found instanceof GatewayError || found.length === 0) return
  const used = Object.entries(config).flatMap(([key, value]) => {
    const bridge = /^net\d+$/.test(key) ? /(?:^|,)bridge=([^,]+)/.exec(value)?.[1] : undefined
    return bridge === undefined ? [] : [bridge]
  })
  const missing = used.find((bridge) => !found.some(({ iface }) => iface === bridge))
  if (missing === undefined) return
  throw refusal(
    `${cannot}: that node has no bridge ${missing}`,
    `it has ${found.map(({ iface }) => iface).join(', ')}; make one of that name there, or take another node`,
  )
}
