import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { script } from '../core/operation.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'
import { serviceName, serviceNameRule, unitName } from '../formats/service-name.ts'
import { parseServiceStatus, type ServiceReading, type ServiceRow } from '../formats/service-status.ts'

export default defineTool({
  name: 'get_service_status',
  description: 'One service with its last journal lines, or all services that run or failed.',
  capability: 'system:read',
  risk: 'read',
  targets: ['local', 'ssh'],
  input: z.object({
    service: z.string().max(200).regex(serviceName, serviceNameRule).optional().describe('unit; left out: all'),
    lines: z.number().int().min(0).max(100).default(10).describe('of journal'),
    limit: z.number().int().min(1).max(500).default(60).describe('rows at most'),
  }),
  output: z.object({
    service: z.string().optional(),
    state: z.string().optional(),
    sub: z.string().optional(),
    enabled: z.string().optional(),
    since: z.string().optional(),
    main_pid: z.number().optional(),
    memory_mib: z.number().optional(),
    restarts: z.number().optional(),
    result: z.string().optional(),
    description: z.string().optional(),
    note: z.string().optional(),
    journal: z.string().optional(),
    not_measured: z.string().optional(),
    services: z
      .array(
        z.object({
          name: z.string(),
          state: z.string(),
          sub: z.string().optional(),
          description: z.string().optional(),
        }),
      )
      .optional(),
    failed: z.number().optional(),
    more: z.number().optional().describe('rows left out'),
  }),
  async run({ service, lines, limit }, { read, target }) {
    const unit = service === undefined ? '' : unitName(service)
    const outcome = await read(script('read/service-status', [unit, String(lines)]))
    const output = outputOf(outcome, 'reading the state of services')
    const reading = understood(parseServiceStatus(output), 'the state of services')
    if (reading.kind === 'unit') return { ...reading.service }
    if (reading.kind === 'services') return listed(reading.rows, limit)
    throw failure(reading, { unit, on: target.id })
  },
})

function listed(rows: readonly ServiceRow[], limit: number) {
  const shown = rows.slice(0, limit)
  const failed = rows.filter(({ state }) => state === 'failed').length
  return withoutEmpty({
    services: withoutEmptyColumns(shown),
    failed: failed === 0 ? undefined : failed,
    more: rows.length > shown.length ? rows.length - shown.length : undefined,
  })
}

function failure(
  reading: Exclude<ServiceReading, { kind: 'unit' | 'services' }>,
  { unit, on }: { readonly unit: string; readonly on: string },
): GatewayError {
  switch (reading.kind) {
    case 'absent':
      return new GatewayError('not_found', `there is no unit ${unit} on ${on}`, {
        hint: 'call get_service_status without service for the names of those that run',
      })
    case 'refused':
      return new GatewayError('operation_failed', `the init system of ${on} refused: ${reading.said || 'no answer'}`, {
        hint: 'check the name; an instance of a template is named name@instance.service',
      })
    case 'none':
      return new GatewayError(
        'unsupported_target',
        `${on} runs neither systemd nor OpenRC: its first process is ${reading.init || 'hidden'}`,
        { hint: 'get_top_processes shows what runs' },
      )
  }
}
