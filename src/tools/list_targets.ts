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
    'What this gateway looks after, and what you may do there. Where a tool has targets, it takes these ids, tag:x, kind:x, globs (web-*) or all; of guests names too.',
  capability: 'fleet:read',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    kind: z.enum(targetKinds).optional(),
    text: z.string().max(100).optional().describe('part of id, name or tag'),
  }),
  output: z.object({
    targets: z.array(
      z.object({
        id: z.string(),
        name: z.string().optional(),
        kind: z.string(),
        tags: z.string().optional(),
        can: z.string().optional().describe('capabilities granted there and held by you'),
        segment: z.string().optional(),
        cluster: z.string().optional(),
        reachable: z.string().optional().describe('of the last call: yes, no and why, or not asked yet'),
        last_seen: z.string().optional(),
      }),
    ),
    guests: z.string().optional().describe('left out'),
    left_out: z.number().optional(),
    note: z.string().optional(),
  }),
  async run({ kind, text }, { caller, now, read }) {
    const all = jsonOf(
      await read(get(`/targets?caller=${encodeURIComponent(JSON.stringify(caller))}`)),
      targetsReply,
      'the list of targets',
    )
    const fitting = all.filter((target) => fits(target, { kind, text }) && target.capabilities.length > 0)
    // There may be thousands of them: who wants them asks for them.
    const guests = kind === undefined && text === undefined ? fitting.filter((target) => target.kind === 'guest') : []
    const shown = fitting.filter((target) => !guests.includes(target))
    const rows = shown.slice(0, mostRows).map(({ last_contact: contact, ...target }) => {
      const reachable = contact?.reached === false ? `no (${contact.error ?? 'unknown'})` : 'yes'
      const seen =
        contact === undefined ? { reachable: 'not asked yet' } : { reachable, last_seen: ageOf(contact.at, now) }
      const { id, alias, kind: found, segment = '', cluster = '' } = target
      const can = target.capabilities.join(' ')
      const row = { id, name: alias ?? '', kind: found, tags: target.tags.join(' '), can, segment, cluster }
      return { ...row, last_seen: '', ...own(id, seen) }
    })
    const left = shown.length - rows.length
    return {
      targets: withoutEmptyColumns(rows),
      ...(guests.length > 0 && {
        guests: `${guests.length} on ${clustersOf(guests)}: kind: guest, or text, lists them`,
      }),
      ...(left > 0 && { left_out: left }),
      ...(fitting.length === 0 && { note: `none of ${all.length} fits` }),
    }
  },
})

const mostRows = 200

type Listed = z.output<typeof targetsReply>[number]

function fits(
  target: Listed,
  { kind, text }: { readonly kind?: string | undefined; readonly text?: string | undefined },
) {
  const words = [target.id, target.alias ?? '', ...target.tags, target.segment ?? '', target.cluster ?? '']
  const named = text === undefined || words.some((word) => word.toLowerCase().includes(text.toLowerCase()))
  return named && (kind === undefined || target.kind === kind)
}

const clustersOf = (guests: readonly Listed[]): string =>
  [...new Set(guests.map(({ cluster }) => cluster ?? ''))].toSorted().join(', ')

/** The gateway that answers is reached. */
const own = (id: string, seen: { readonly reachable: string; readonly last_seen?: string }) =>
  id === 'gateway' ? { reachable: 'yes', last_seen: '0s' } : seen
