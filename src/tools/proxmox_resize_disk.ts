import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import type { Outcome } from '../core/operation.ts'
import type { Plan } from '../core/plan.ts'
import { askAllowed, askProxmox, shown } from '../core/proxmox-ask.ts'
import { guestPath, guestRule } from '../core/proxmox-guest.ts'
import { defineTool } from '../core/tool.ts'
import { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { bytesOf, type GuestDisk, guestDisks, sizeText } from '../guests/guest-config-disks.ts'
import { type GuestNow, guestNow, refusal } from '../guests/guest-now.ts'
import { taskEnd } from '../guests/task-end.ts'

/** A file system may have to be checked before it grows. */
const resizeTimeoutMs = 15 * 60_000

export default defineTool({
  name: 'proxmox_resize_disk',
  description: 'Grow a disk of a VM or container; it cannot be made smaller again.',
  capability: 'proxmox:admin',
  risk: 'write',
  targets: ['proxmox'],
  resource: 'guest',
  input: z.object({
    guest: z.string().min(1).max(100).describe(guestRule),
    disk: z.string().max(20).describe('rootfs, scsi0'),
    size: z.string().max(20).describe('+10G or in all 64G'),
  }),
  output: z.object({
    guest: z.string(),
    vmid: z.number(),
    disk: z.string(),
    size: z.string(),
    note: z.string().optional(),
    task: z.string().optional().describe('how it ended'),
  }),
  async plan({ guest: wanted, disk: key, size }, context) {
    const notTemplates = 'clone it, and grow the disk of the clone'
    const guest = await guestNow(context, wanted, { to: 'resize a disk of', needsQuorum: true, notTemplates })
    const { title, name, kind, vmid, node } = guest
    const config = await askProxmox(context, `${guestPath(guest)}/config`, guestConfigReply)
    const disk = diskNamed(guest, guestDisks(config), key)
    const { before, after } = sizesOf(disk, size)
    const sizes = { disk: key, size: sizeText(after), digest: config['digest'] ?? '' }
    const basis = { ...guest.basis, ...sizes }
    if (after === before) return { summary: `${key} of ${title} has ${sizeText(after)} already`, basis, steps: [] }
    const room = await requireRoom(context, guest, disk, after - before)
    return {
      summary: `grow ${key} of ${name} (${kind} ${vmid} on ${node} of ${context.target.id}) from ${sizeText(before)} to ${sizeText(after)}; it cannot be made smaller again`,
      basis,
      steps: [
        {
          do: {
            kind: 'request',
            method: 'PUT',
            path: `${guestPath(guest)}/resize`,
            body: sizes,
            timeoutMs: resizeTimeoutMs,
          },
        },
      ],
      preview: [`${disk.volume}: ${sizeText(before)} → ${sizeText(after)}`, room, inside(kind)].join('\n'),
    }
  },
  report({ basis, steps }: Plan, outcomes: readonly Outcome[]) {
    return withoutEmpty({
      guest: String(basis['name']),
      vmid: Number(basis['vmid']),
      disk: String(basis['disk']),
      size: String(basis['size']),
      note: steps.length > 0 && basis['kind'] === 'qemu' ? inside('qemu') : undefined,
      task: taskEnd(outcomes[0]),
    })
  },
})

const inside = (kind: GuestNow['kind']): string =>
  kind === 'lxc'
    ? 'its file system grows with it'
    : 'inside the VM the partition and its file system are to be grown then'

function diskNamed({ title }: GuestNow, disks: readonly GuestDisk[], key: string): GuestDisk {
  const growing = disks.filter(
    ({ storage, isMedia, key: own }) => storage !== undefined && !isMedia && !/^(unused|efi|tpm)/.test(own),
  )
  const found = growing.find((disk) => disk.key === key)
  if (found !== undefined) return found
  const known = growing.map((disk) => disk.key).join(', ')
  const is = disks.find((disk) => disk.key === key)
  const why = is === undefined ? 'it has none' : `${is.volume} is no disk that grows`
  throw refusal(
    `cannot resize ${shown(key)} of ${title}: ${why}`,
    known === '' ? 'it has no disk' : `its disks: ${known}`,
  )
}

/** Bytes now and then. @throws GatewayError invalid_input */
function sizesOf({ key, sizeBytes }: GuestDisk, wanted: string): { readonly before: number; readonly after: number } {
  const [, plus, size] = /^(\+?)(\d+(?:\.\d+)?[KMGT])$/.exec(wanted) ?? []
  const bytes = bytesOf(size)
  if (bytes === undefined)
    throw refusal(`${shown(wanted)} is no size`, 'say +10G to add, or 64G for the whole; K, M, G or T')
  if (sizeBytes === undefined)
    throw refusal(
      `the configuration does not tell the size of ${key}`,
      'qm rescan or pct rescan on its node writes it there',
    )
  const after = plus === '+' ? sizeBytes + bytes : bytes
  if (after >= sizeBytes) return { before: sizeBytes, after }
  throw refusal(
    `${key} has ${sizeText(sizeBytes)}: it cannot be made smaller`,
    `say a larger size, or +${size} to add to it`,
  )
}

const statusReply = z.object({ avail: z.coerce.number().optional(), active: z.coerce.number().optional() })

/** Who may not see the storage is told so, and the node decides. @throws GatewayError operation_failed: no room */
async function requireRoom(
  context: Pick<Context, 'read'>,
  { title, node }: GuestNow,
  { storage = '' }: GuestDisk,
  bytes: number,
): Promise<string> {
  const path = `/nodes/${encodeURIComponent(node)}/storage/${encodeURIComponent(storage)}/status`
  const status = await askAllowed(context, path, statusReply)
  if (status instanceof GatewayError) return `the room on ${storage} is not known: ${status.message}`
  if (status.active === 0)
    throw new GatewayError(
      'operation_failed',
      `cannot resize a disk of ${title}: storage ${storage} is not active on ${node}`,
      {
        hint: 'proxmox_list_storage shows how storages stand',
      },
    )
  const { avail } = status
  if (avail === undefined) return `the room on ${storage} is not known`
  if (avail < bytes)
    throw new GatewayError(
      'operation_failed',
      `cannot resize a disk of ${title}: storage ${storage} has ${gib(avail)} GiB left, and ${gib(bytes)} are asked for`,
      { hint: 'make room there first, or say a smaller size' },
    )
  return `${storage} has ${gib(avail)} GiB left, ${gib(avail - bytes)} after it is filled`
}

const gib = (bytes: number): number => Math.round((bytes / 2 ** 30) * 10) / 10
