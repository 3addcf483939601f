import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { script } from '../core/operation.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'
import { type NoUpdates, parseUpdates, type Updates } from '../formats/updates.ts'

/** Package managers think long on small machines. */
const timeoutMs = 45_000

export default defineTool({
  name: 'check_system_updates',
  description: 'Pending package updates, as the package index on the machine knows them; does not refresh it.',
  capability: 'system:read',
  risk: 'read',
  targets: ['local', 'ssh'],
  input: z.object({ limit: z.number().int().min(1).max(500).default(50).describe('rows at most') }),
  output: z.object({
    manager: z.string(),
    index_age: z.string().optional().describe('since the last refresh'),
    count: z.number(),
    security_count: z.number().optional(),
    kept_back: z.number().optional(),
    reboot_required: z.boolean().optional(),
    updates: z.array(
      z.object({
        package: z.string(),
        installed: z.string().optional(),
        new: z.string(),
        security: z.boolean().optional(),
      }),
    ),
    more: z.number().optional().describe('rows left out'),
    note: z.string().optional(),
    not_measured: z.string().optional(),
  }),
  async run({ limit }, { read, target }) {
    const outcome = await read(script('read/updates', [], { timeoutMs }))
    const found = understood(parseUpdates(outputOf(outcome, 'reading the updates')), 'the package manager')
    if ('failed' in found) throw failure(found, target.id)
    const { rows, securityCount } = found
    const shown = rows.slice(0, limit)
    return withoutEmpty({
      manager: found.manager,
      index_age: found.indexAge,
      count: rows.length,
      security_count: securityCount,
      kept_back: found.keptBack,
      reboot_required: found.rebootRequired,
      updates: withoutEmptyColumns(shown.map((row) => withoutQuietSecurity(row, securityCount))),
      more: rows.length > shown.length ? rows.length - shown.length : undefined,
      note: noteOf(found, outcome.truncated),
      not_measured: found.notMeasured.join(', '),
    })
  },
})

/** The column says nothing when none is for security. */
const withoutQuietSecurity = (row: Updates['rows'][number], securityCount: number | undefined) =>
  securityCount === 0 ? { ...row, security: undefined } : row

function noteOf({ rows, indexAge }: Updates, truncated: boolean): string {
  if (truncated) return 'the list was cut: there are more'
  return rows.length === 0 && indexAge !== undefined ? 'nothing pending' : ''
}

function failure(found: NoUpdates, target: string): GatewayError {
  if (found.failed === 'no_manager') {
    return new GatewayError('unsupported_target', `${target} has none of apt, dnf, apk, zypper and pacman`, {
      hint: 'its updates come another way; look at get_system_status for what it is',
    })
  }
  return new GatewayError('operation_failed', `the updates of ${target} could not be listed: ${found.said}`, {
    hint: 'on the machine itself, refresh or repair the package index, as root where it is kept for root alone',
  })
}
