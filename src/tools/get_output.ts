import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { outputReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'

export default defineTool({
  name: 'get_output',
  description: 'The rest of an answer that was cut, by its handle, for an hour.',
  capability: 'origin',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    handle: z.string().regex(/^[a-z0-9]{4,40}$/, 'must be the handle that a cut answer gave'),
    offset: z.number().int().min(0).default(0).describe('bytes'),
    max_bytes: z.number().int().min(100).max(49_152).default(32_768),
  }),
  output: outputReply,
  async run({ handle, offset, max_bytes }, { read }) {
    const query = new URLSearchParams({ offset: String(offset), max_bytes: String(max_bytes) })
    const outcome = await read(get(`/outputs/${encodeURIComponent(handle)}?${query}`))
    if (outcome.status === 404) {
      throw new GatewayError('not_found', `the output ${handle} is no longer kept`, {
        hint: 'repeat the call that made it',
      })
    }
    return jsonOf(outcome, outputReply, 'the store of outputs')
  },
})
