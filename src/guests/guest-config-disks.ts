import type { z } from 'zod'
import type { guestConfigReply } from '../formats/proxmox-guest-detail.ts'

/** A disk, mount point or drive in a guest's configuration. */
export interface GuestDisk {
  /** `rootfs`, `mp0`, `scsi0`, `unused0` */
  readonly key: string
  /** `local-lvm:vm-101-disk-0`; a path of the node where it is a bind mount or a device. */
  readonly volume: string
  /** Undefined where it is no volume of a storage. */
  readonly storage?: string | undefined
  /** Undefined where the configuration does not say: unused disks. */
  readonly sizeBytes?: number | undefined
  /** Said to be the same on all nodes: a bind mount. */
  readonly isShared: boolean
  /** A drive for CDs: an image, or the one of cloud-init. */
  readonly isMedia: boolean
  /** Whether it may be the guest's own: volumes are named after their guests. */
  readonly owner?: number | undefined
}

const diskKey = /^(rootfs|mp\d+|ide\d+|sata\d+|scsi\d+|virtio\d+|efidisk\d+|tpmstate\d+|unused\d+)$/

/** The disks of a guest in the order of their keys; empty drives are none. */
export const guestDisks = (config: z.output<typeof guestConfigReply>): readonly GuestDisk[] =>
  Object.entries(config)
    .filter(([key, value]) => diskKey.test(key) && !/^(file=)?(none|cdrom)(,|$)/.test(value))
    .map(([key, value]) => diskOf(key, value))
    .toSorted((a, b) => a.key.localeCompare(b.key, 'en', { numeric: true }))

function diskOf(key: string, value: string): GuestDisk {
  const options = value.split(',')
  const volume = (options[0] ?? '').replace(/^(file|volume)=/, '')
  const [, storage, rest = ''] = /^([a-z][\w.-]*):(.+)$/i.exec(volume) ?? []
  const owner = /(?:^|\/)(?:vm|subvol|base|basevol)-(\d+)-[^/]*$/.exec(rest)?.[1]
  return {
    key,
    volume,
    storage,
    sizeBytes: bytesOf(options.find((option) => option.startsWith('size='))?.slice('size='.length)),
    isShared: options.includes('shared=1'),
    isMedia: options.includes('media=cdrom'),
    owner: owner === undefined ? undefined : Number(owner),
  }
}

const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** Bytes of a size as Proxmox VE writes it: `8G`, `528K`, `1.5T`; undefined when it is none. */
export function bytesOf(size: string | undefined): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(size ?? '') ?? []
  return number === undefined ? undefined : Math.round(Number(number) * (units[unit] ?? 1))
}

/** A size as Proxmox VE takes it, in the largest unit that leaves a whole number: `8G`, `8704M`. */
export function sizeText(bytes: number): string {
  const [unit, each] = Object.entries(units).findLast(([, size]) => bytes >= size && bytes % size === 0) ?? ['', 1]
  return `${bytes / each}${unit}`
}

/** `local-lvm:vm-101-disk-0, 8 GiB` */
export const diskTitle = ({ key, volume, sizeBytes }: GuestDisk): string =>
  `${key} ${volume}${sizeBytes === undefined ? '' : ` (${sizeText(sizeBytes)})`}`
