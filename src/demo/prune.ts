import type { Volume } from './parts.ts'

/** A backup and what a retention would do with it. */
export interface Marked {
  readonly volume: Volume
  readonly mark: 'keep' | 'remove' | 'protected' | 'renamed'
}

/** The name that vzdump gives; a backup of another name is left alone. */
const usual = /:(?:backup\/)?vzdump-(?:lxc|qemu)-\d+-\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d\./

/** Marks the backups of one guest by `keep-last=3`, the newest first. Without a number above 0 all are kept. Source: prune_mark_backup_group of PVE::Storage. */
export function markedFor(volumes: readonly Volume[], retention: string): readonly Marked[] {
  const keep = Number(/(?:^|,)keep-last=(\d+)/.exec(retention)?.[1] ?? 0)
  let kept = 0
  return volumes
    .toSorted((a, b) => b.ctime - a.ctime)
    .map((volume) => {
      if (volume.protected) return { volume, mark: 'protected' }
      if (!usual.test(volume.volid)) return { volume, mark: 'renamed' }
      kept += 1
      return { volume, mark: keep > 0 && kept > keep ? 'remove' : 'keep' }
    })
}
