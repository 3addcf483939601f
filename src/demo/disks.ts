import type { Guest } from './guest.ts'

/** A volume that a guest's configuration names. */
export interface Disk {
  /** `rootfs`, `scsi0` */
  readonly key: string
  readonly storage: string
  /** `subvol-101-disk-0` */
  readonly volume: string
}

const diskKey = /^(rootfs|mp\d+|scsi\d+|virtio\d+|sata\d+|ide\d+|efidisk\d+|tpmstate\d+)$/

/** The volumes of a guest; media in its drives are none. */
export function disksOf({ config }: Pick<Guest, 'config'>): readonly Disk[] {
  return Object.entries(config).flatMap(([key, value]) => {
    const [, storage, volume] = /^([\w.-]+):([^,]+)/.exec(String(value)) ?? []
    const isMedia = /(^|,)media=cdrom(,|$)/.test(String(value))
    if (!diskKey.test(key) || isMedia || storage === undefined || volume === undefined) return []
    return [{ key, storage, volume }]
  })
}
