import { z } from 'zod'
import { spanOf } from './uptime.ts'

const memory = z.object({ used: z.coerce.number(), total: z.coerce.number() })

/** `data` of `GET /nodes/{node}/status`. */
export const nodeStatusReply = z.object({
  cpu: z.coerce.number().optional(),
  loadavg: z.array(z.coerce.number()).optional(),
  uptime: z.coerce.number().optional(),
  kversion: z.string().optional(),
  pveversion: z.string().optional(),
  'current-kernel': z.object({ release: z.string() }).optional(),
  cpuinfo: z.object({ cpus: z.coerce.number().optional(), model: z.string().optional() }).optional(),
  memory: memory.optional(),
  swap: memory.optional(),
  rootfs: z.object({ used: z.coerce.number(), total: z.coerce.number() }).optional(),
  wait: z.coerce.number().optional(),
})

/** The status of a node in our words and units. */
export function nodeStatus(status: z.output<typeof nodeStatusReply>) {
  const { cpu, loadavg, uptime, kversion, pveversion, cpuinfo, memory, swap, rootfs, wait } = status
  return {
    version: pveversion?.split('/')[1],
    kernel: status['current-kernel']?.release ?? kversion?.split(' ')[1],
    uptime: uptime === undefined ? undefined : spanOf(uptime),
    cpus: cpuinfo?.cpus,
    cpu_model: cpuinfo?.model?.replace(/\((R|TM)\)|CPU |@.*$/g, '').trim(),
    cpu_pct: cpu === undefined ? undefined : percent(cpu),
    io_wait_pct: wait === undefined || wait === 0 ? undefined : percent(wait),
    load: loadavg?.join(' '),
    mem_used_gib: memory && gib(memory.used),
    mem_total_gib: memory && gib(memory.total),
    swap_used_gib: swap && swap.total > 0 ? gib(swap.used) : undefined,
    swap_total_gib: swap && swap.total > 0 ? gib(swap.total) : undefined,
    root_used_gib: rootfs && gib(rootfs.used),
    root_total_gib: rootfs && gib(rootfs.total),
  }
}

const percent = (fraction: number): number => Math.round(fraction * 1000) / 10
const gib = (bytes: number): number => Math.round((bytes / 2 ** 30) * 10) / 10
