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
