import { z } from 'zod'

/** `data` of a guest's `/pending`: its configuration as it runs, and what it will be after the next start. */
export const pendingReply = z.array(
  z.object({
    key: z.string(),
    pending: z.union([z.string(), z.number()]).optional(),
    delete: z.coerce.number().optional(),
  }),
)

/** The keys that wait for the guest's next start. */
export const pendingKeys = (rows: z.output<typeof pendingReply>): readonly string[] =>
  rows
    .filter(({ pending, delete: deleted }) => pending !== undefined || (deleted ?? 0) > 0)
    .map(({ key }) => key)
    .toSorted()
