import { z } from 'zod'

/** What slower looks find out about a cluster, by name: how they are kept, and what triage reads. Times are seconds since 1970. */
export const findings = {
  /** `{ version: '9.2.11' }` */
  version: z.object({ version: z.string() }),
  /** Tasks that failed within a day, newest first; and what has one running: vmids and the like, `vzdump@pve1` where one is for many. */
  tasks: z.object({
    failed: z.array(
      z.object({
        node: z.string(),
        type: z.string(),
        id: z.string().optional(),
        user: z.string(),
        ended: z.number(),
        status: z.string(),
      }),
    ),
    running: z.array(z.string()),
  }),
  /** When each guest was backed up last, by vmid; and guests that no job backs up. */
  backups: z.object({
    newest: z.record(z.string(), z.number()),
    unprotected: z.array(z.number()).optional(),
    /** Storages whose backups could not be listed. */
    unread: z.array(z.string()),
  }),
  /** Stopped guests that should run: vmids whose configuration has `onboot`. */
  should_run: z.object({ vmids: z.array(z.number()), unread: z.number() }),
  /** The first certificate to expire, by node. */
  certificates: z.array(z.object({ node: z.string(), not_after: z.number(), subject: z.string().optional() })),
  /** What the token may not read, as `Sys.Audit on /`, and how many seconds each node's clock is ahead of ours. */
  access: z.object({ missing: z.array(z.string()) }),
  clocks: z.array(z.object({ node: z.string(), ahead_s: z.number() })),
  /** Packages to update, by node. */
  updates: z.array(z.object({ node: z.string(), packages: z.number() })),
} as const

export type FindingName = keyof typeof findings
