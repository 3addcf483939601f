import { z } from 'zod'
import type { Outcome } from '../core/operation.ts'
import { parseJson } from '../lib/json.ts'

const taskReply = z.object({ exitstatus: z.string() })

/** How the task of a write ended, where that is more than OK: `WARNINGS: 1` and its last lines. */
export function taskEnd(outcome: Outcome | undefined): string | undefined {
  const ended = taskReply.safeParse(parseJson(outcome?.output ?? ''))
  return ended.success && ended.data.exitstatus !== 'OK' ? outcome?.errorOutput.slice(0, 500) : undefined
}
