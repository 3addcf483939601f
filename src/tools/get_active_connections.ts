import { z } from 'zod'
import { script } from '../core/operation.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { type Connection, type Connections, parseConnections } from '../formats/connections.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

/** Of each state and protocol; all are counted. Keeps the answer of a busy machine below the output limit. */
const mostRowsOfState = 1500

const kinds: Readonly<Record<string, readonly string[]>> = {
  listening: ['listening', 'bound'],
  established: ['established'],
}

export default defineTool({
  name: 'get_active_connections',
  description:
    'Listening and connected TCP and UDP sockets with their processes, and counts per state over all of them.',
  capability: 'network:read',
  risk: 'read',
  targets: ['local', 'ssh'],
  input: z.object({
    kind: z.enum(['listening', 'established', 'all']).default('all'),
    limit: z.number().int().min(1).max(500).default(50).describe('rows at most'),
  }),
  output: z.object({
    counts: z.record(z.string(), z.number()),
    connections: z.array(
      z.object({
        proto: z.string(),
        state: z.string(),
        local: z.string(),
        remote: z.string().optional(),
        process: z.string().optional(),
      }),
    ),
    more: z.number().optional().describe('rows left out'),
    not_measured: z.string().optional(),
  }),
  async run({ kind, limit }, { read }) {
    const outcome = await read(script('read/connections', [String(mostRowsOfState)]))
    const found = understood(parseConnections(outputOf(outcome, 'reading the connections')), 'the table of sockets')
    const isWanted = (state: string) => kinds[kind]?.includes(state) ?? true
    const shown = found.rows.filter(({ state }) => isWanted(state)).slice(0, limit)
    const all = [...found.counts].reduce((sum, [state, count]) => sum + (isWanted(state) ? count : 0), 0)
    const notMeasured = [hiddenNote(shown, found), outcome.truncated ? 'processes beyond the output limit' : '']
    return withoutEmpty({
      counts: Object.fromEntries(found.counts),
      connections: withoutEmptyColumns(shown),
      more: all > shown.length ? all - shown.length : undefined,
      not_measured: notMeasured.filter((part) => part !== '').join(', '),
    })
  },
})

function hiddenNote(shown: readonly Connection[], { hidden, asRoot }: Connections): string {
  const count = shown.filter((connection) => hidden.has(connection)).length
  if (count === 0) return ''
  return `process of ${count} of the rows (${asRoot ? 'in the kernel or another namespace' : 'visible to root only'})`
}
