import { createHash } from 'node:crypto'
import { canonicalJson } from '../lib/json.ts'
import type { Guest } from './guest.ts'
import { started } from './guest-changes.ts'
import { guestNumbers } from './numbers.ts'

const noPressure = {
  pressurecpusome: null,
  pressurecpufull: null,
  pressureiosome: null,
  pressureiofull: null,
  pressurememorysome: null,
  pressurememoryfull: null,
}
const someZero = Object.fromEntries(Object.keys(noPressure).map((key) => [key, 0]))

/** What the lists of a node and a guest's status share. */
function common(guest: Guest, now: number) {
  const { vmid, name, status, tags, lock, template, cpus } = guest
  const sizes = { maxmem: guest.memory, maxdisk: guest.diskSize }
  const { diskread, diskwrite, ...numbers } = guestNumbers(guest, now)
  const flows = guest.kind === 'lxc' ? { diskread, diskwrite } : {}
  return {
    vmid,
    name,
    status,
    tags,
    lock,
    template: template ? 1 : undefined,
    cpus,
    ...sizes,
    ...numbers,
    ...flows,
  }
}

const pidOf = ({ vmid }: Guest) => 1000 + vmid

/** A container in the list of its node. */
export function containerEntry(guest: Guest, now: number) {
  const alive = guest.status === 'running' ? { pid: pidOf(guest), ...noPressure } : {}
  return { ...common(guest, now), type: 'lxc', swap: 0, maxswap: 0, ...alive }
}

/** The status of one container. */
export const containerStatus = (guest: Guest, now: number) => ({ ...containerEntry(guest, now), ha: haOf(guest) })

/** A virtual machine in the list of its node. */
export function machineEntry(guest: Guest, now: number) {
  const alive = guest.status === 'running' ? { pid: pidOf(guest), ...someZero } : {}
  return { ...common(guest, now), memhost: 0, ...alive }
}

/** A virtual machine in the full list of its node. */
export function fullMachineEntry(guest: Guest, now: number) {
  const { vmid, status, paused } = guest
  const { netin, netout } = guestNumbers(guest, now)
  const nics = status === 'running' ? { nics: { [`tap${vmid}i0`]: { netin, netout } } } : {}
  return { ...machineEntry(guest, now), qmpstatus: paused ? 'paused' : status, ...nics }
}

/** The status of one virtual machine. */
export function machineStatus(guest: Guest, now: number) {
  const { agent, serial0 } = guest.config
  const extras = { agent: hasAgent(agent) ? 1 : undefined, serial: serial0 === undefined ? undefined : 1 }
  return { ...fullMachineEntry(guest, now), ...extras, ha: haOf(guest) }
}

/** Whether a configuration has the agent on: `1`, `enabled=1,fstrim_cloned_disks=1`. */
export const hasAgent = (agent: string | number | undefined): boolean => /^(1|enabled=1)\b/.test(String(agent ?? ''))

const haOf = ({ hastate }: Guest) => (hastate === undefined ? { managed: 0 } : { managed: 1, state: hastate })

/** A guest's configuration as its next start finds it, with its digest. */
export function configOf(guest: Guest): Readonly<Record<string, string | number | undefined>> {
  const { kind, name, tags, lock, template, cpus, memory, config } = started(guest)
  const mib = Math.round(memory / 1024 ** 2)
  const container = { hostname: name, memory: mib, swap: 0, arch: 'amd64', ostype: 'debian' }
  const machine = { name, cores: cpus, memory: String(mib), ostype: 'l26', boot: 'order=scsi0;net0' }
  const whole = {
    ...(kind === 'lxc' ? container : machine),
    tags,
    lock,
    template: template ? 1 : undefined,
    parent: standsOn(guest),
    ...config,
  }
  return { ...whole, digest: createHash('sha1').update(canonicalJson(whole)).digest('hex') }
}

/** The snapshot that a guest stands on. */
export const standsOn = ({ snapshots, standsOn: said }: Pick<Guest, 'snapshots' | 'standsOn'>): string | undefined =>
  (said === undefined ? snapshots.at(-1) : snapshots.find(({ name }) => name === said))?.name

/** A guest's snapshots; the last entry is the present. */
export function snapshotsOf(guest: Guest) {
  const { kind, status, snapshots } = guest
  const now = {
    name: 'current',
    description: 'You are here!',
    running: status === 'running' ? 1 : 0,
    digest: configOf(guest)['digest'],
    parent: standsOn(guest),
  }
  const shown = snapshots.map(({ name, snaptime, description, parent, vmstate }) => {
    const memory = kind === 'qemu' ? { vmstate: vmstate === true ? 1 : 0 } : {}
    return { name, snaptime, description, parent, ...memory }
  })
  return [...shown, now]
}
