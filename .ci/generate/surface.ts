import { z } from 'zod'
import type { Tool } from '../../src/core/tool.ts'

/** One tool as clients see it. */
export interface Snapshot {
  readonly name: string
  readonly text: string
}

/** tests/surface/*.json: what `tools/list` shows of each tool. */
export async function surfaceOf(tools: readonly Tool[]): Promise<readonly Snapshot[]> {
  return tools.map(({ name, description, input }) => ({
    name,
    text: `${JSON.stringify({ name, description, inputSchema: z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }) }, undefined, 2)}\n`,
  }))
}
