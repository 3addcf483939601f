import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { changeRows } from '../core/fleet-changes.ts'
import { cursorText, type FleetCursor, readCursor } from '../core/fleet-cursor.ts'
import { freshnessOfAll } from '../core/fleet-freshness.ts'
import { changesReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

/** Shown to who has no cursor yet. */
const newestShown = 20

export default defineTool({
  name: 'get_fleet_changes',
  description: 'What changed in the fleet since a cursor, and the next cursor; without one the newest changes.',
  capability: 'fleet:read',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    cursor: z.string().max(40).optional().describe('of the last answer, or of get_fleet_state'),
    limit: z.number().int().min(1).max(500).default(100).describe('changes at most'),
  }),
  output: z.object({
    reset: z.literal(true).optional().describe('what happened since the cursor is not known'),
    hint: z.string().optional(),
    changes: z
      .array(
        z.object({
          ago: z.string(),
          id: z.string(),
          name: z.string().optional(),
          what: z.string().optional(),
          change: z.string().optional(),
          cause: z.string().optional(),
        }),
      )
      .optional(),
    more: z.number().optional().describe('left for the next cursor'),
    earlier: z.number().optional().describe('kept, but older than these'),
    seen: z.string().describe('how old the knowledge of each source is'),
    cursor: z.string(),
  }),
  async run({ cursor, limit }, { now, read }) {
    const known = cursor === undefined ? undefined : cursorOf(cursor)
    const since = known?.seq ?? (await newestOf(read)) - newestShown
    const found = await changesAfter(read, Math.max(0, since), limit)
    const { epoch, oldest, newest, changes, sources } = found
    const seen = sources.length === 0 ? 'nothing is watched' : freshnessOfAll(sources, now)
    const lost = known && lostOf(known, found)
    if (lost !== undefined)
      return { reset: true as const, hint: lost, seen, cursor: cursorText({ epoch, seq: newest }) }
    const last = changes.at(-1)?.seq ?? newest
    const earlier = Math.min(changes[0]?.seq ?? newest, newest) - oldest
    const rows = withoutEmptyColumns(changeRows(changes, now))
    return {
      ...(rows.length > 0 && { changes: rows }),
      ...(newest > last && { more: newest - last }),
      ...(known === undefined && earlier > 0 && { earlier }),
      seen,
      cursor: cursorText({ epoch, seq: last }),
    }
  },
})

/** @throws GatewayError invalid_input */
function cursorOf(text: string): FleetCursor {
  const cursor = readCursor(text)
  if (cursor !== undefined) return cursor
  throw new GatewayError('invalid_input', `${JSON.stringify(text)} is no cursor`, {
    hint: 'use the cursor that get_fleet_state or get_fleet_changes gave, or leave it out',
  })
}

const changesAfter = async (read: Context['read'], since: number, limit: number) =>
  jsonOf(await read(get(`/fleet/changes?since=${since}&limit=${limit}`)), changesReply, 'the changes of the fleet')

const newestOf = async (read: Context['read']): Promise<number> => (await changesAfter(read, 0, 0)).newest

/** Why nothing can be said of what happened since a cursor; undefined where it can. */
function lostOf(
  { epoch, seq }: FleetCursor,
  kept: { readonly epoch: string; readonly oldest: number; readonly newest: number },
): string | undefined {
  const next = 'read get_fleet_state and go on from its cursor'
  if (epoch !== kept.epoch) return `the cursor is of another history, which was begun anew: ${next}`
  if (seq > kept.newest) return `the cursor is newer than the history, which was set back: ${next}`
  return seq < kept.oldest - 1 ? `changes since the cursor are no longer kept: ${next}` : undefined
}
