import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { looksReply, targetsReply } from '../core/gateway-replies.ts'
import { get, post } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'
import { nearest } from '../lib/nearest.ts'

/** A cluster of thousands whose nodes are slow takes minutes. */
const timeoutMs = 300_000

/** A look touches nothing but what the gateway knows, and so needs no approval. */
export default defineTool({
  name: 'run_discovery',
  description: 'Looks at the fleet now, at all of it or at some clusters, and says how each look ended.',
  capability: 'fleet:admin',
  risk: 'write',
  targets: ['gateway'],
  input: z.object({ clusters: z.array(z.string().min(1).max(100)).min(1).max(50).optional().describe('names') }),
  output: z.object({
    looks: z.array(
      z.object({
        source: z.string(),
        changes: z.number(),
        gaps: z.string().optional(),
        error: z.string().optional(),
      }),
    ),
    note: z.string().optional(),
  }),
  async plan({ clusters }, { read }) {
    const targets = jsonOf(await read(get('/targets')), targetsReply, 'the list of targets')
    const known = targets.filter(({ kind }) => kind !== 'gateway').map(({ id }) => id)
    const stranger = clusters?.find((name) => !known.includes(name))
    if (stranger !== undefined) throw unknown(stranger, known)
    const chosen = [...new Set(clusters)].toSorted()
    const query = new URLSearchParams(chosen.map((name): [string, string] => ['source', name]))
    const path = `gateway:/discovery${chosen.length === 0 ? '' : `?${query}`}`
    return {
      summary: `look at ${chosen.length === 0 ? 'the whole fleet' : chosen.join(', ')} now`,
      basis: { asked: chosen },
      steps: [{ do: { ...post(path), timeoutMs } }],
    }
  },
  report({ basis }, outcomes) {
    const looks = outcomes.flatMap((outcome) => jsonOf(outcome, looksReply, 'discovery'))
    const asked = z.array(z.string()).parse(basis['asked'])
    const unwatched = asked.filter((name) => looks.every(({ source }) => source !== name))
    const note = looks.length === 0 && asked.length === 0 ? 'nothing is watched: no target has discovery' : undefined
    const notLooked = unwatched.length === 0 ? note : `not watched, so nothing was looked at: ${unwatched.join(', ')}`
    return {
      looks: withoutEmptyColumns(looks.map(({ gaps, ...look }) => ({ ...look, gaps: gaps.join('; ') }))),
      ...(notLooked !== undefined && { note: notLooked }),
    }
  },
})

function unknown(name: string, known: readonly string[]): GatewayError {
  const close = nearest(name, known)
  return new GatewayError('not_found', `no cluster ${JSON.stringify(name)}`, {
    hint:
      close === undefined ? 'list_targets shows all; leave clusters out for the whole fleet' : `did you mean ${close}?`,
  })
}
