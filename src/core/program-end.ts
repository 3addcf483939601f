import { z } from 'zod'
import type { Outcome } from './operation.ts'

/** One argument of a program, or its name. */
export const programArgument = z
  .string()
  .max(4096)
  .regex(/^[^\0]*$/, 'must not contain NUL')

/** What a tool that runs a program answers. */
export const programEnd = {
  exit_code: z.number(),
  output: z.string(),
  error_output: z.string().optional(),
  truncated: z.literal(true).optional(),
}

/** An exit code other than 0 is an answer like any other. */
export function endOfProgram(outcome: Outcome | undefined) {
  if (outcome === undefined) throw new TypeError('a program has an end')
  const { status, output, errorOutput, truncated } = outcome
  return {
    exit_code: status,
    output,
    ...(errorOutput !== '' && { error_output: errorOutput }),
    ...(truncated && { truncated: true as const }),
  }
}
