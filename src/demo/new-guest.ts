import { type Guest, type GuestKind, guestOf } from './guest.ts'
import { type Call, integer, nodeHere, text } from './method.ts'

const mib = 1024 ** 2
const gib = 1024 ** 3

/** A guest as the parameters of its creation describe it; without a disk it has none. */
export function newGuest(call: Call, kind: GuestKind): Guest {
  const vmid = integer(call, 'vmid') ?? 0
  const config = configFrom(call, kind, vmid)
  const memory = (integer(call, 'memory') ?? 512) * mib
  return guestOf({
    vmid,
    kind,
    node: nodeHere(call).name,
    name: text(call, kind === 'lxc' ? 'hostname' : 'name') ?? (kind === 'lxc' ? `CT${vmid}` : `VM ${vmid}`),
    tags: text(call, 'tags'),
    pool: text(call, 'pool'),
    status: 'stopped',
    cpus: integer(call, 'cores') ?? (kind === 'lxc' ? nodeHere(call).cpus : 1),
    memory,
    diskSize: sizeOf(String(config['rootfs'] ?? config['scsi0'] ?? '')),
    usedDisk: gib,
    config,
    addresses: [addressOf(call, vmid, text(call, kind === 'lxc' ? 'net0' : 'ipconfig0') ?? '')],
  })
}

/** Bytes of `local-lvm:vm-100-disk-0,size=8G`. */
export function sizeOf(volume: string): number {
  const [, number = '0', unit = 'G'] = /(?:^|,)size=(\d+)([MGT])/.exec(volume) ?? []
  return Number(number) * (unit === 'M' ? mib : unit === 'T' ? 1024 * gib : gib)
}

/** The address that stands in a configuration, or one that DHCP would give. */
function addressOf(call: Call, vmid: number, net: string): string {
  const [, fixed] = /(?:^|,)ip6?=([0-9a-f.:]+\/\d+)/.exec(net) ?? []
  return fixed ?? dhcpAddress(call, vmid)
}

/** What DHCP would give a guest of this number. */
export const dhcpAddress = (call: Call, vmid: number): string =>
  `${nodeHere(call).ip.split('.').slice(0, 3).join('.')}.${vmid % 250}/24`

/** What stands in fields of its own, and what is no configuration at all. */
const elsewhere =
  /^(node|vmid|pool|tags|hostname|name|memory|ostemplate|storage|start|restore|archive|force|unique|bwlimit|ssh-public-keys|password|ha-managed|delete|digest)$/

function configFrom(call: Call, kind: GuestKind, vmid: number): Readonly<Record<string, string | number>> {
  const given = Object.keys(call.params).filter((key) => !elsewhere.test(key) && !(kind === 'qemu' && key === 'cores'))
  return Object.fromEntries(given.map((key) => [key, keptValue(key, text(call, key) ?? '', vmid)]))
}

/** A value as the configuration keeps it: disks that were allocated, cards with an address. */
export function keptValue(key: string, value: string, vmid: number): string {
  if (/^net\d+$/.test(key)) return withHardwareAddress(value, vmid)
  const [, storage, disk, rest = ''] = /^([\w.-]+):(\d+(?:\.\d+)?)((?:,.*)?)$/.exec(value) ?? []
  if (storage !== undefined) return `${storage}:vm-${vmid}-disk-0${rest},size=${disk}G`
  const [, seed] = /^([\w.-]+):cloudinit(?:,.*)?$/.exec(value) ?? []
  return seed === undefined ? value : `${seed}:vm-${vmid}-cloudinit,media=cdrom`
}

function withHardwareAddress(net: string, vmid: number): string {
  const bytes = [vmid >> 16, vmid >> 8, vmid].map((byte) => (byte & 255).toString(16).toUpperCase().padStart(2, '0'))
  const address = ['BC:24:11', ...bytes].join(':')
  if (/[0-9A-F]{2}(:[0-9A-F]{2}){5}/i.test(net)) return net
  if (net.startsWith('name=')) return `${net},hwaddr=${address},type=veth`
  return net.replace(/^(\w+)/, `$1=${address}`)
}
