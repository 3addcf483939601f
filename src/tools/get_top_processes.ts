import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { script } from '../core/operation.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { parseProcessDetails } from '../formats/process-details.ts'
import { type ProcessUse, parseProcesses, topProcesses } from '../formats/processes.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

const sampleSeconds = '0.25'

const processRow = z.object({
  pid: z.number(),
  user: z.string().optional(),
  cpu_percent: z.number().optional(),
  mem_mib: z.number(),
  state: z.string(),
  command: z.string(),
  unit: z.string().optional(),
})

export default defineTool({
  name: 'get_top_processes',
  description:
    'The processes that use most CPU (100 % is one processor) or memory, with the unit or container they belong to.',
  capability: 'system:read',
  risk: 'read',
  targets: ['local', 'ssh'],
  input: z.object({
    sort_by: z.enum(['cpu', 'memory']).default('cpu'),
    limit: z.number().int().min(1).max(100).default(10),
  }),
  output: z.object({
    sample_ms: z.number(),
    processes_total: z.number(),
    processes: z.array(processRow),
    not_measured: z.string().optional(),
  }),
  async run({ sort_by, limit }, context) {
    const outcome = await context.read(script('read/processes', [sampleSeconds]))
    const { all, sampleMs } = understood(parseProcesses(outputOf(outcome, 'reading the processes')), 'the process list')
    const notMeasured = [
      outcome.truncated ? 'processes beyond the output limit' : undefined,
      sampleMs > 0 ? undefined : 'cpu (no time passed between the samples)',
    ]
    return withoutEmpty({
      sample_ms: sampleMs,
      processes_total: all.length,
      processes: await rowsOf(topProcesses(all, sort_by, limit), context),
      not_measured: notMeasured.filter((part) => part !== undefined).join(', '),
    })
  },
})

async function rowsOf(top: readonly ProcessUse[], { read }: Context): Promise<z.input<typeof processRow>[]> {
  const outcome = await read(
    script(
      'read/process-details',
      top.map(({ pid }) => String(pid)),
    ),
  )
  const details = parseProcessDetails(outputOf(outcome, 'reading the command lines'))
  return withoutEmptyColumns(
    top.map(({ pid, name, state, cpuPercent, memoryMib }) => {
      const { user = '', command = '', unit = '' } = details.get(pid) ?? {}
      return { pid, user, cpu_percent: cpuPercent, mem_mib: memoryMib, state, command: command || `[${name}]`, unit }
    }),
  )
}
