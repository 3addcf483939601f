import { z } from 'zod'

/** `data` of `GET /version`. */
export const versionReply = z.object({ version: z.string() })

/** `data` of `GET /nodes/{node}/storage/{storage}/content`. */
export const contentReply = z.array(
  z.object({
    volid: z.string(),
    content: z.string().optional(),
    vmid: z.coerce.number().optional(),
    ctime: z.coerce.number().optional(),
    size: z.coerce.number().optional(),
    format: z.string().optional(),
    notes: z.string().optional(),
    protected: z.coerce.number().optional(),
  }),
)

/** `data` of `GET /cluster/backup-info/not-backed-up`. */
export const notBackedUpReply = z.array(z.object({ vmid: z.coerce.number() }))

/** `data` of a guest's `/config`, as far as discovery reads it. */
export const guestStartReply = z.object({ onboot: z.coerce.number().optional() })

/** `data` of `GET /nodes/{node}/certificates/info`. */
export const certificatesReply = z.array(
  z.object({
    filename: z.string().optional(),
    notafter: z.coerce.number().optional(),
    subject: z.string().optional(),
  }),
)

/** `data` of `GET /nodes/{node}/apt/update`; only how many they are is used. */
export const updatesReply = z.array(z.unknown())

/** `data` of `GET /nodes/{node}/time`: seconds since 1970. */
export const timeReply = z.object({ time: z.coerce.number() })

/** `data` of `GET /access/permissions`: privileges by path, each with whether it holds below the path too. */
export const permissionsReply = z.record(z.string(), z.record(z.string(), z.coerce.number()))

/** What discovery reads needs these, and where. */
const neededToRead = [
  ['VM.Audit', '/vms'],
  ['Sys.Audit', '/nodes'],
  ['Datastore.Audit', '/storage'],
] as const

/** The privileges for reading everything that are missing: `Sys.Audit on /nodes`. */
export function missingReads(permissions: z.output<typeof permissionsReply>): readonly string[] {
  const holds = (privilege: string, path: string) =>
    permissions['/']?.[privilege] === 1 || permissions[path]?.[privilege] === 1
  return neededToRead.flatMap(([privilege, path]) => (holds(privilege, path) ? [] : [`${privilege} on ${path}`]))
}
