import { z } from 'zod'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { containerRow, containersReply } from '../formats/docker-containers.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

const word = z.string().optional()

export default defineTool({
  name: 'get_container_list',
  description: 'Docker containers with image, state, health, uptime, ports and compose project.',
  capability: 'container:read',
  risk: 'read',
  targets: ['docker'],
  input: z.object({ all: z.boolean().default(false).describe('also those that do not run') }),
  output: z.object({
    containers: z.array(
      z.object({
        name: z.string(),
        image: z.string(),
        state: z.string(),
        health: word,
        uptime: word,
        ended: word.describe('how long ago'),
        ports: word,
        project: word,
      }),
    ),
    not_running: z.number().optional().describe('left out'),
  }),
  async run({ all }, { read }) {
    const listed = jsonOf(await read(get('/containers/json?all=1')), containersReply, 'the list of containers')
    const shown = all ? listed : listed.filter(({ State }) => alive.has(State))
    const containers = withoutEmptyColumns(shown.map(containerRow))
    const left = listed.length - shown.length
    return { containers, ...(left > 0 && { not_running: left }) }
  },
})

const alive = new Set(['running', 'paused', 'restarting'])
