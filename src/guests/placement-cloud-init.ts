import type { GuestDisk } from '../formats/proxmox-disks.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { refusal } from './guest-now.ts'
import { ipSetting, tagList } from './placement-names.ts'

/** What a clone of a cloud image is told before its first start; what is left out stays as its template has it. */
export interface WantedSettings {
  readonly user?: string | undefined
  readonly ssh_keys: readonly string[]
  readonly ip?: string | undefined
  readonly cores?: number | undefined
  readonly memory_mib?: number | undefined
  readonly tags: readonly string[]
  readonly bridge?: string | undefined
}

type Config = Readonly<Record<string, string>>

/** The settings that a clone gets, by their keys in Proxmox VE; those of cloud-init only where something is said or its template has them. */
export function clonedSettings(
  config: Config,
  wanted: WantedSettings,
  storage: string,
): Readonly<Record<string, string | number>> {
  const { user, ssh_keys, ip, cores, memory_mib, tags, bridge } = wanted
  const hasDrive = Object.values(config).some((value) => /:(.*vm-\d+-)?cloudinit\b/.test(value))
  const isTold = user !== undefined || ssh_keys.length > 0 || ip !== undefined
  const setting = ip ?? (hasDrive && config['ipconfig0'] === undefined ? 'dhcp' : undefined)
  return withoutEmpty({
    ...(isTold && !hasDrive && { [freeDrive(config)]: `${storage}:cloudinit` }),
    ...(cores !== undefined && { cores }),
    ...(memory_mib !== undefined && { memory: memory_mib }),
    ciuser: user ?? '',
    sshkeys: encodeURIComponent(ssh_keys.join('\n')),
    ipconfig0: setting === undefined ? '' : ipSetting(setting),
    tags: tagList(tags) ?? '',
    net0: bridge === undefined ? '' : cardOn(config['net0'], bridge),
  })
}

/** Where the drive goes that cloud-init reads. @throws GatewayError invalid_input */
function freeDrive(config: Config): string {
  const free = ['ide2', 'ide0', 'ide3', 'sata5'].find((key) => config[key] === undefined)
  if (free !== undefined) return free
  throw refusal(
    'the template has no drive of cloud-init, and no place for one',
    'give it one: qm set VMID --ide2 STORAGE:cloudinit',
  )
}

/** The card of the template on another bridge, with an address of its own. */
const cardOn = (card: string | undefined, bridge: string): string => {
  const plain = (card ?? 'virtio').replace(/^(\w+)=[0-9a-f]{2}(:[0-9a-f]{2}){5}/i, '$1').replace(/,bridge=[^,]+/, '')
  return plain.replace(/^(\w+)/, `$1,bridge=${bridge}`)
}

/** The disk that a machine boots from. */
export function bootDisk(config: Config, disks: readonly GuestDisk[]): GuestDisk | undefined {
  const order = [...(/order=([^,]+)/.exec(config['boot'] ?? '')?.[1] ?? '').split(';'), config['bootdisk'] ?? '']
  const keys = [...order, 'scsi0', 'virtio0', 'sata0', 'ide0']
  return keys.flatMap((key) => disks.find((disk) => disk.key === key) ?? [])[0]
}

/** The size that a clone's disk must be grown to, or undefined. @throws GatewayError invalid_input when it would shrink */
export function grownTo(disk: GuestDisk | undefined, gib: number | undefined, template: string): string | undefined {
  if (gib === undefined) return undefined
  if (disk === undefined) throw refusal(`${template} has no disk to grow`, 'leave disk_gib out')
  const before = (disk.size ?? 0) / 2 ** 30
  if (gib < before)
    throw refusal(
      `the disk of ${template} has ${before} GiB, and disks do not shrink`,
      `say disk_gib ${Math.ceil(before)} or more, or leave it out`,
    )
  return gib === before ? undefined : `${gib}G`
}
