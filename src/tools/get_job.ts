import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'

const change = z.looseObject({ status: z.string() })

export default defineTool({
  name: 'get_job',
  description: 'Waits for a change that runs on, and tells how it stands, step by step.',
  capability: 'origin',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    job: z.string().regex(/^[a-z0-9]{4,40}$/, 'must be the job that a running change gave'),
    wait_s: z.number().int().min(0).max(50).default(50),
  }),
  output: change,
  async run({ job, wait_s }, { read }) {
    const request = get(`/jobs/${encodeURIComponent(job)}?wait_ms=${wait_s * 1000}`)
    const outcome = await read({ ...request, timeoutMs: 60_000 })
    if (outcome.status === 404)
      throw new GatewayError('not_found', `no job ${job}`, { hint: 'get_audit_log shows what was done' })
    return jsonOf(outcome, change, 'the journal')
  },
})
