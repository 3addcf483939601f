import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { approvalsReply, healthReply, targetsReply } from '../core/gateway-replies.ts'
import { get, script } from '../core/operation.ts'
import { jsonOf, outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { parseSystemStatus } from '../formats/system-status.ts'
import { spanOf } from '../formats/uptime.ts'
import { vitalSigns } from '../formats/vital-signs.ts'

const sampleSeconds = '0.25'

export default defineTool({
  name: 'health_check',
  description: 'Is the gateway itself well; with targets: are those reachable and well, a row each?',
  capability: { gateway: 'gateway:read', local: 'system:read', ssh: 'system:read' },
  risk: 'read',
  targets: ['gateway', 'local', 'ssh'],
  input: z.object({}),
  output: z.object({
    reachable: z.literal(true).optional(),
    problems: z.string().optional().describe('left out: none'),
    uptime: z.string(),
    cpu_percent: z.number().optional(),
    load_per_cpu: z.number().optional(),
    mem_percent: z.number().optional(),
    swap_percent: z.number().optional(),
    fullest_disk: z.string().optional(),
    gateway: z.string().optional(),
    version: z.string().optional(),
    config: z.string().optional(),
    audit_records: z.number().optional(),
    running_changes: z.number().optional(),
    your_pending_approvals: z.number().optional(),
    targets: z.number().optional(),
    not_asked_yet: z.string().optional(),
    not_measured: z.string().optional(),
  }),
  run: (_input, context) => (context.target.kind === 'gateway' ? ownHealth(context) : machineHealth(context)),
})

async function machineHealth({ read }: Context) {
  const output = outputOf(await read(script('read/system-status', [sampleSeconds])), 'reading the vital signs')
  return vitalSigns(understood(parseSystemStatus(output), 'the system status'))
}

async function ownHealth(context: Context) {
  const { read, now } = context
  const [health, targets, approvals] = await Promise.all([
    read(get('/health')),
    read(get('/targets')),
    pendingApprovals(context),
  ])
  const own = jsonOf(health, healthReply, 'the gateway')
  // Discovery itself looks after guests.
  const others = jsonOf(targets, targetsReply, 'the list of targets').filter(
    ({ kind }) => kind !== 'gateway' && kind !== 'guest',
  )
  const lost = others.filter(({ last_contact: contact }) => contact?.reached === false)
  const silent = others.filter(({ last_contact: contact }) => contact === undefined)
  const problems = [
    own.audit_writable ? '' : 'the audit log cannot be written: no change is performed',
    own.gateway?.problem ?? '',
    approvals.problem ?? '',
    ...lost.map(
      ({ id, last_contact: contact }) =>
        `${id} not reached ${contact ? ageOf(contact.at, now) : ''} ago: ${contact?.error}`,
    ),
    own.warnings > 0 ? `${own.warnings} warnings in ${own.config}` : '',
  ]
  return withoutEmpty({
    problems: problems.filter((problem) => problem !== '').join('; '),
    gateway: [own.gateway?.id, own.gateway?.name, own.gateway?.segment].filter((part) => part !== undefined).join(' '),
    version: own.version,
    uptime: spanOf(own.uptime_s),
    config: `${own.config}, loaded ${ageOf(own.loaded_at, now)} ago`,
    audit_records: own.audit_records,
    running_changes: own.running_changes,
    your_pending_approvals: approvals.count,
    targets: others.length,
    not_asked_yet: silent
      .map(({ id }) => id)
      .slice(0, 20)
      .join(' '),
  })
}

/** How many there are; a store that cannot be read is a problem to report, not the end of the check. */
async function pendingApprovals({ read, caller }: Context) {
  const query = new URLSearchParams({ caller: caller.id, state: 'pending', limit: String(mostPending) })
  try {
    const found = jsonOf(await read(get(`/approvals?${query}`)), approvalsReply, 'the list of approvals')
    return { count: found.length }
  } catch (error) {
    const { code, message } = GatewayError.from(error)
    if (code !== 'state_unavailable') throw error
    return { problem: `the approvals cannot be read: ${message}` }
  }
}

/** The store lets no caller have more. */
const mostPending = 100
