import { z } from 'zod'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { containersReply } from '../formats/docker-containers.ts'
import { statsReply, statsRow } from '../formats/docker-stats.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

const mostContainers = 200
const machineReply = z.object({ MemTotal: z.number().optional() })
const amount = z.number().optional()

export default defineTool({
  name: 'get_container_stats',
  description: 'CPU, memory, network and block I/O of all running Docker containers.',
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
  async run(_input, { read }) {
    const [listed, machine] = await Promise.all([
      read(get('/containers/json')).then((reply) => jsonOf(reply, containersReply, 'the list of containers')),
      read(get('/info')).then((reply) => jsonOf(reply, machineReply, 'the engine')),
    ])
    const ids = listed.slice(0, mostContainers).map(({ Id }) => Id)
    const outcomes = await Promise.all(ids.map((id) => read(get(`/containers/${id}/stats?stream=false`))))
    const rows = outcomes
      // Gone meanwhile.
      .filter(({ status }) => status !== 404 && status !== 409)
      .flatMap((outcome) => {
        const stats = jsonOf(outcome, statsReply, 'the measurement of a container')
        return statsRow(stats, machine.MemTotal) ?? []
      })
    const sorted = rows.sort((a, b) => b.cpu_percent - a.cpu_percent || b.mem_mib - a.mem_mib)
    const quiet = ['mem_limit_mib', 'net_in_mib', 'net_out_mib', 'read_mib', 'written_mib'] as const
    const more = listed.length - ids.length
    return { containers: withoutEmptyColumns(sorted, quiet), ...(more > 0 && { more }) }
  },
})
