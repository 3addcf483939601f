import { z } from 'zod'
import { targetsReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { targetKinds } from '../core/target.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'list_targets',
  description:
    'What this gateway looks after, and what you may do there. Where a tool has targets, it takes these ids, tag:x, kind:x, globs (web-*) or all.',
  capability: 'fleet:read',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    kind: z.enum(targetKinds).optional(),
    text: z.string().max(100).optional().describe('part of an id or tag'),
  }),
  output: z.object({
    targets: z.array(
      z.object({
        id: z.string(),
        kind: z.string(),
        tags: z.string().optional(),
        can: z.string().optional().describe('capabilities granted there and held by you'),
        segment: z.string().optional(),
        cluster: z.string().optional(),
        reachable: z.string().optional().describe('of the last call: yes, no and why, or not asked yet'),
        last_seen: z.string().optional(),
      }),
    ),
    note: z.string().optional(),
  }),
  async run({ kind, text }, { caller, now, read }) {
    const all = jsonOf(await read(get('/targets')), targetsReply, 'the list of targets')
    const found = all.flatMap(({ last_contact: contact, ...target }) => {
      const can = target.capabilities.filter((capability) => caller.scopes.some((scope) => scope === capability))
      const words = [target.id, ...target.tags, target.segment ?? '', target.cluster ?? '']
      if (can.length === 0 || (kind !== undefined && target.kind !== kind)) return []
      if (text !== undefined && !words.some((word) => word.toLowerCase().includes(text.toLowerCase()))) return []
      const reachable = contact?.reached === false ? `no (${contact.error ?? 'unknown'})` : 'yes'
      const seen =
        contact === undefined ? { reachable: 'not asked yet' } : { reachable, last_seen: ageOf(contact.at, now) }
      const { id, kind: found, segment, cluster } = target
      return [{ id, kind: found, tags: target.tags.join(' '), can: can.join(' '), segment, cluster, ...own(id, seen) }]
    })
    return {
      targets: withoutEmptyColumns(found.map((row) => ({ last_seen: '', ...row }))),
      ...(found.length === 0 && { note: `none of ${all.length} fits` }),
    }
  },
})

/** The gateway that answers is reached. */
const own = (id: string, seen: { readonly reachable: string; readonly last_seen?: string }) =>
  id === 'gateway' ? { reachable: 'yes', last_seen: '0s' } : seen
