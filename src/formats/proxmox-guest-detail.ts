import { z } from 'zod'
import { spanOf } from './uptime.ts'

/** `data` of a guest's `/status/current`, as far as it is used. Right at once, unlike lists. */
export const guestStatusReply = z.object({
  status: z.string(),
  name: z.string().optional(),
  qmpstatus: z.string().optional(),
  lock: z.string().optional(),
  template: z.coerce.number().optional(),
  ha: z.object({ managed: z.coerce.number(), state: z.string().optional() }).optional(),
  cpu: z.coerce.number().nullish(),
  cpus: z.coerce.number().optional(),
  mem: z.coerce.number().nullish(),
  maxmem: z.coerce.number().optional(),
  swap: z.coerce.number().nullish(),
  maxswap: z.coerce.number().optional(),
  disk: z.coerce.number().nullish(),
  maxdisk: z.coerce.number().optional(),
  uptime: z.coerce.number().optional(),
})

/** `data` of a guest's `/config`: flat, all of it optional. */
export const guestConfigReply = z.record(z.string(), z.union([z.string(), z.number(), z.null()]).transform(String))

/** How a guest stands: a VM that is paused says so only in the word of its emulator. */
export const stateOf = ({
  status,
  qmpstatus,
}: Pick<z.output<typeof guestStatusReply>, 'status' | 'qmpstatus'>): string =>
  status === 'running' && qmpstatus !== undefined && qmpstatus !== 'running' ? qmpstatus : status

/** What a person would want to know of a guest's use now. */
export function guestUse(status: z.output<typeof guestStatusReply>) {
  const { cpu, cpus, mem, maxmem, swap, disk, maxdisk, uptime } = status
  const runs = status.status === 'running'
  return {
    uptime: runs && uptime ? spanOf(uptime) : undefined,
    cpus,
    cpu_pct: runs && cpu !== undefined && cpu !== null ? Math.round(cpu * 1000) / 10 : undefined,
    mem_used_mib: runs ? mib(mem) : undefined,
    mem_total_mib: mib(maxmem),
    swap_used_mib: runs && swap ? mib(swap) : undefined,
    disk_used_gib: runs && disk ? gib(disk) : undefined,
    disk_total_gib: gib(maxdisk),
  }
}

const mib = (bytes: number | null | undefined) =>
  bytes === null || bytes === undefined ? undefined : Math.round(bytes / 2 ** 20)
const gib = (bytes: number | null | undefined) =>
  bytes === null || bytes === undefined ? undefined : Math.round((bytes / 2 ** 30) * 10) / 10

/** Keys that say something to people: disks, networks, start, and what a guest is; passwords and keys are none of them. */
const told =
  /^(rootfs|mp\d+|net\d+|scsi\d+|virtio\d+|sata\d+|ide\d+|efidisk0|unused\d+|onboot|startup|protection|agent|boot|ostype|features|unprivileged|arch|bios|machine|cpu|cores|sockets|numa|hookscript|parent|tags|hostpci\d+|usb\d+|dev\d+)$/

/** The configuration as `key=value` lines, in order. */
export const configLines = (config: z.output<typeof guestConfigReply>): string =>
  Object.keys(config)
    .filter((key) => told.test(key))
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((key) => `${key}=${config[key]}`)
    .join('\n')
