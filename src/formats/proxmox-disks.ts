/** A volume that the configuration of a guest names. */
export interface GuestDisk {
  /** `rootfs`, `scsi0` */
  readonly key: string
  readonly storage: string
  /** `subvol-101-disk-0` */
  readonly volume: string
  /** Bytes, where the configuration tells. */
  readonly size?: number | undefined
}

const diskKey = /^(rootfs|mp\d+|scsi\d+|virtio\d+|sata\d+|ide\d+|efidisk\d+|tpmstate\d+)$/

/** The volumes of a guest's configuration, in order: neither media in drives nor mounted directories of the node. */
export function disksOf(config: Readonly<Record<string, string>>): readonly GuestDisk[] {
  return Object.entries(config)
    .flatMap(([key, value]) => {
      const [, storage, volume] = /^(?:file=|volume=)?([A-Za-z][\w.-]*):([^,]+)/.exec(value) ?? []
      if (!diskKey.test(key) || storage === undefined || volume === undefined) return []
      if (/(^|,)media=cdrom(,|$)/.test(value)) return []
      const [, size, unit = ''] = /(?:^|,)size=(\d+(?:\.\d+)?)([KMGT]?)(?:,|$)/.exec(value) ?? []
      return [
        { key, storage, volume, size: size === undefined ? undefined : Number(size) * 1024 ** powers.indexOf(unit) },
      ]
    })
    .toSorted((a, b) => a.key.localeCompare(b.key, 'en', { numeric: true }))
}

const powers: readonly string[] = ['', 'K', 'M', 'G', 'T']
