import { z } from 'zod'
import { script } from '../core/operation.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { parseSystemStatus } from '../formats/system-status.ts'

const sampleSeconds = '0.25'

const fileSystem = z.object({
  mount: z.string(),
  fs: z.string(),
  used_gib: z.number(),
  total_gib: z.number(),
  used_percent: z.number(),
})

export default defineTool({
  name: 'get_system_status',
  description:
    'CPU, load, memory, swap, disks, uptime, failed units and reboot need of a machine: start here when one seems unwell.',
  capability: 'system:read',
  risk: 'read',
  targets: ['local', 'ssh'],
  input: z.object({}),
  output: z.object({
    hostname: z.string().optional(),
    os: z.string().optional(),
    kernel: z.string().optional(),
    virtualization: z.string(),
    uptime: z.string(),
    cpu_percent: z.number().optional(),
    steal_percent: z.number().optional(),
    iowait_percent: z.number().optional(),
    cpus: z.number(),
    sample_ms: z.number(),
    load_1: z.number().optional(),
    load_5: z.number().optional(),
    load_15: z.number().optional(),
    mem_used_mib: z.number(),
    mem_total_mib: z.number(),
    swap_used_mib: z.number().optional(),
    swap_total_mib: z.number().optional(),
    failed_units: z.string().optional(),
    reboot_required: z.literal(true).optional(),
    file_systems: z.array(fileSystem),
    not_measured: z.string().optional(),
  }),
  async run(_input, { read }) {
    const output = outputOf(await read(script('read/system-status', [sampleSeconds])), 'reading the system status')
    return understood(parseSystemStatus(output), 'the system status')
  },
})
