import { z } from 'zod'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { networkReply, networkRow, networksReply } from '../formats/docker-networks.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

const mostNetworks = 100
const word = z.string().optional()

export default defineTool({
  name: 'get_docker_networks',
  description: 'Docker networks with their subnets and the containers in them.',
  capability: 'container:read',
  risk: 'read',
  targets: ['docker'],
  input: z.object({}),
  output: z.object({
    networks: z.array(
      z.object({
        name: z.string(),
        driver: z.string(),
        scope: word,
        internal: word,
        subnets: word,
        members: word,
      }),
    ),
    more: z.number().optional().describe('left out'),
  }),
  async run(_input, { read }) {
    const listed = jsonOf(await read(get('/networks')), networksReply, 'the list of networks')
    const shown = listed.slice(0, mostNetworks)
    const outcomes = await Promise.all(shown.map(({ Id }) => read(get(`/networks/${Id}`))))
    const rows = outcomes
      // Removed meanwhile.
      .filter(({ status }) => status !== 404)
      .map((outcome) => networkRow(jsonOf(outcome, networkReply, 'the inspection of a network')))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    const more = listed.length - shown.length
    return { networks: withoutEmptyColumns(rows), ...(more > 0 && { more }) }
  },
})
