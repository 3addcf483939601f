import { z } from 'zod'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { containersReply } from '../formats/docker-containers.ts'
import { imageRow, imagesReply, isDangling } from '../formats/docker-images.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'list_docker_images',
  description: 'Docker images, largest first, and the containers that use them.',
  capability: 'container:read',
  risk: 'read',
  targets: ['docker'],
  input: z.object({
    only: z.enum(['all', 'dangling', 'unused']).default('all'),
    limit: z.number().int().min(1).max(500).default(50),
  }),
  output: z.object({
    images: z.array(
      z.object({
        image: z.string().optional(),
        id: z.string(),
        size_mib: z.number(),
        age: z.string(),
        used_by: z.string().optional(),
        dangling: z.string().optional(),
      }),
    ),
    more: z.number().optional().describe('left out'),
  }),
  async run({ only, limit }, { read, now }) {
    const [images, containers] = await Promise.all([
      read(get('/images/json')).then((reply) => jsonOf(reply, imagesReply, 'the list of images')),
      read(get('/containers/json?all=1')).then((reply) => jsonOf(reply, containersReply, 'the list of containers')),
    ])
    const used = new Set(containers.map(({ ImageID }) => ImageID))
    const wanted = images
      .filter((image) => only === 'all' || (only === 'dangling' ? isDangling(image) : !used.has(image.Id)))
      .sort((a, b) => b.Size - a.Size)
    const rows = wanted.slice(0, limit).map((image) => imageRow(image, containers, now))
    const more = wanted.length - rows.length
    return { images: withoutEmptyColumns(rows), ...(more > 0 && { more }) }
  },
})
