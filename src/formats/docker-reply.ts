import { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import { plain } from './sections.ts'

const errorReply = z.object({ message: z.string() })

/** Why the engine refused, in its own words: `{"message":"No such container: web"}`. */
export function engineMessage(output: string): string {
  const { data } = errorReply.safeParse(parseJson(output))
  return plain(data?.message ?? output).slice(0, 300)
}
