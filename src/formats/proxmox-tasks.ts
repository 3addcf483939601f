import { z } from 'zod'

/** Rows of `GET /cluster/tasks` and `GET /nodes/{node}/tasks`. A running one has no end; in lists its status is the end's text, or `RUNNING`. */
export const tasksReply = z.array(
  z.object({
    upid: z.string(),
    node: z.string(),
    type: z.string(),
    id: z.string().optional(),
    user: z.string(),
    tokenid: z.string().optional(),
    starttime: z.coerce.number(),
    endtime: z.coerce.number().optional(),
    status: z.string().optional(),
  }),
)

export type TaskRow = z.output<typeof tasksReply>[number]

/** How a task stands by the word of a list: `OK` and `WARNINGS: 2` are good ends. */
export function taskEnd({
  endtime,
  status,
}: Pick<TaskRow, 'endtime' | 'status'>): 'running' | 'ok' | 'failed' | 'unknown' {
  if (endtime === undefined) return 'running'
  if (status === undefined || status === 'unexpected status') return 'unknown'
  return status === 'OK' || /^WARNINGS: \d+$/.test(status) ? 'ok' : 'failed'
}
