import { z } from 'zod'

/** `data` of a guest's `/snapshot`. */
export const snapshotsReply = z.array(
  z.object({
    name: z.string(),
    snaptime: z.coerce.number().optional(),
    description: z.string().nullish(),
    parent: z.string().nullish(),
    vmstate: z.coerce.number().nullish(),
  }),
)

type SnapshotRow = z.output<typeof snapshotsReply>[number]

/** Snapshots oldest first, and the one that the guest now stands on; `current`, which is the guest itself, is none. */
export function snapshotsOf(rows: readonly SnapshotRow[]) {
  return {
    snapshots: rows
      .filter(({ name }) => name !== 'current')
      .toSorted((a, b) => (a.snaptime ?? 0) - (b.snaptime ?? 0) || (a.name < b.name ? -1 : 1)),
    now: rows.find(({ name }) => name === 'current')?.parent ?? undefined,
  }
}
