import { z } from 'zod'

const text = z.string()

/** GET /containers/ID/json, as far as it is used. */
export const containerReply = z.object({
  Id: text,
  Name: text,
  Image: text,
  State: z.object({
    Status: text,
    Running: z.boolean(),
    Paused: z.boolean(),
    StartedAt: text,
    FinishedAt: text,
    ExitCode: z.number(),
  }),
  Config: z.object({ Image: text }),
  HostConfig: z.object({ AutoRemove: z.boolean().optional() }),
})

export type InspectedContainer = z.output<typeof containerReply>

const jobMs = 10_000

/** Whether it looks like a job: the last run ended by itself, well, and soon. */
export function isJob({ State }: InspectedContainer): boolean {
  const ranMs = Date.parse(State.FinishedAt) - Date.parse(State.StartedAt)
  return State.Status === 'exited' && State.ExitCode === 0 && ranMs >= 0 && ranMs < jobMs
}
