import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { get, type Outcome } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { containersReply } from '../formats/docker-containers.ts'
import { type Stats, statsReply, statsRow } from '../formats/docker-stats.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

const mostContainers = 200
const machineReply = z.object({ MemTotal: z.number().optional() })
const amount = z.number().optional()

export default defineTool({
  name: 'get_container_stats',
  description: 'CPU, memory, network and block I/O of all running Docker containers, measured over a second.',
  capability: 'container:read',
  risk: 'read',
  targets: ['docker'],
  input: z.object({}),
  output: z.object({
    containers: z.array(
      z.object({
        name: z.string(),
        cpu_percent: z.number().describe('100: one processor'),
        mem_mib: z.number(),
        mem_limit_mib: amount.describe('0: none'),
        net_in_mib: amount.describe('since its start, as all that follow'),
        net_out_mib: amount,
        read_mib: amount,
        written_mib: amount,
        pids: z.number(),
      }),
    ),
    more: z.number().optional().describe('left out'),
  }),
  async run(_input, context) {
    const [listed, machine] = await Promise.all([
      context.read(get('/containers/json')).then((reply) => jsonOf(reply, containersReply, 'the list of containers')),
      context.read(get('/info')).then((reply) => jsonOf(reply, machineReply, 'the engine')),
    ])
    const ids = listed.slice(0, mostContainers).map(({ Id }) => Id)
    const before = await looksAt(ids, context)
    const [first] = ids
    // The engine's own measurement over a second is the time between the two looks.
    if (first !== undefined) await context.read(get(`/containers/${first}/stats?stream=false`))
    const after = await looksAt(ids, context)
    const rows = ids.flatMap((id) => {
      const [then, now] = [before.get(id), after.get(id)]
      return (then && now && statsRow(then, now, machine.MemTotal)) ?? []
    })
    const sorted = rows.sort((a, b) => b.cpu_percent - a.cpu_percent || b.mem_mib - a.mem_mib)
    const quiet = ['mem_limit_mib', 'net_in_mib', 'net_out_mib', 'read_mib', 'written_mib'] as const
    const more = listed.length - ids.length
    return { containers: withoutEmptyColumns(sorted, quiet), ...(more > 0 && { more }) }
  },
})

/** One look at each; one that is gone meanwhile is left out. */
async function looksAt(ids: readonly string[], { read }: Context): Promise<ReadonlyMap<string, Stats>> {
  const outcomes = await Promise.all(
    ids.map(
      async (id): Promise<readonly [string, Outcome]> => [
        id,
        await read(get(`/containers/${id}/stats?stream=false&one-shot=true`)),
      ],
    ),
  )
  const found = outcomes.filter(([, { status }]) => status !== 404 && status !== 409)
  return new Map(found.map(([id, outcome]) => [id, jsonOf(outcome, statsReply, 'the measurement of a container')]))
}
