import { z } from 'zod'
import { post } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'

const reply = z.object({ cancelled: z.boolean() })

/** A change of the gateway's own bookkeeping: its one step touches no target, and so needs no approval. */
export default defineTool({
  name: 'cancel_job',
  description: 'Asks a running change to stop before its next step; get_job tells what had been done.',
  capability: 'origin',
  risk: 'write',
  targets: ['gateway'],
  input: z.object({ job: z.string().regex(/^[a-z0-9]{4,40}$/, 'must be the job that a running change gave') }),
  output: z.object({ cancelled: z.boolean(), note: z.string() }),
  plan: async ({ job }) => ({
    summary: `ask job ${job} to stop`,
    basis: {},
    steps: [{ do: post(`gateway:/jobs/${encodeURIComponent(job)}/cancel`) }],
  }),
  report(_plan, outcomes) {
    const cancelled = outcomes.some((outcome) => jsonOf(outcome, reply, 'the gateway').cancelled)
    const note = cancelled ? 'it stops before its next step; get_job tells its end' : 'it does not run here any more'
    return { cancelled, note }
  },
})
