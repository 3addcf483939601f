import { nearest } from '../lib/nearest.ts'
import { refusal } from './guest-now.ts'

type Kind = 'lxc' | 'qemu'

/** What a key may hold: text of any form, yes or no, one of some words, or a number from `least` to `most`. */
type KeyType =
  | 'text'
  | 'flag'
  | readonly string[]
  | { readonly whole: boolean; readonly least: number; readonly most?: number }

const whole = (least: number, most?: number): KeyType => ({ whole: true, least, ...(most !== undefined && { most }) })
const number = (least: number, most: number): KeyType => ({ whole: false, least, most })

const ofBoth: Readonly<Record<string, KeyType>> = {
  description: 'text',
  'dev[n]': 'text',
  nameserver: 'text',
  'net[n]': 'text',
  onboot: 'flag',
  protection: 'flag',
  searchdomain: 'text',
  startup: 'text',
  tags: 'text',
}

/**
 * The keys of a guest's configuration that may be set by name, with their types; `net[n]` stands for net0, net1 …
 * Source: PUT /nodes/{node}/{lxc|qemu}/{vmid}/config of the API of Proxmox VE 9.2. Older versions name what they do not know.
 */
export const configKeys: Readonly<Record<Kind, Readonly<Record<string, KeyType>>>> = {
  lxc: {
    ...ofBoth,
    arch: ['amd64', 'i386', 'arm64', 'armhf', 'riscv32', 'riscv64'],
    cmode: ['shell', 'console', 'tty'],
    console: 'flag',
    cores: whole(1, 8192),
    cpulimit: number(0, 8192),
    cpuunits: whole(0, 500_000),
    debug: 'flag',
    entrypoint: 'text',
    features: 'text',
    hostname: 'text',
    memory: whole(16),
    ostype: 'debian devuan ubuntu centos fedora opensuse archlinux alpine gentoo nixos unmanaged'.split(' '),
    swap: whole(0),
    timezone: 'text',
    tty: whole(0, 6),
  },
  qemu: {
    ...withoutDevices(ofBoth),
    acpi: 'flag',
    affinity: 'text',
    agent: 'text',
    'allow-ksm': 'flag',
    'amd-sev': 'text',
    arch: ['x86_64', 'aarch64'],
    audio0: 'text',
    autostart: 'flag',
    balloon: whole(0),
    bios: ['seabios', 'ovmf'],
    boot: 'text',
    bootdisk: 'text',
    cicustom: 'text',
    citype: ['configdrive2', 'nocloud', 'opennebula'],
    ciupgrade: 'flag',
    ciuser: 'text',
    cores: whole(1),
    cpu: 'text',
    cpulimit: number(0, 128),
    cpuunits: whole(1, 262_144),
    freeze: 'flag',
    'hostpci[n]': 'text',
    hotplug: 'text',
    hugepages: ['any', '2', '1024'],
    'intel-tdx': 'text',
    'ipconfig[n]': 'text',
    ivshmem: 'text',
    keephugepages: 'flag',
    keyboard: 'de de-ch da en-gb en-us es fi fr fr-be fr-ca fr-ch hu is it ja lt mk nl no pl pt pt-br sv sl tr'.split(
      ' ',
    ),
    kvm: 'flag',
    localtime: 'flag',
    machine: 'text',
    memory: 'text',
    migrate_downtime: { whole: false, least: 0 },
    migrate_speed: whole(0),
    name: 'text',
    numa: 'flag',
    'numa[n]': 'text',
    ostype: 'other wxp w2k w2k3 w2k8 wvista win7 win8 win10 win11 l24 l26 solaris'.split(' '),
    'parallel[n]': 'text',
    reboot: 'flag',
    rng0: 'text',
    scsihw: ['lsi', 'lsi53c810', 'virtio-scsi-pci', 'virtio-scsi-single', 'megasas', 'pvscsi'],
    'serial[n]': 'text',
    shares: whole(0, 50_000),
    smbios1: 'text',
    sockets: whole(1),
    spice_enhancements: 'text',
    sshkeys: 'text',
    startdate: 'text',
    tablet: 'flag',
    tdf: 'flag',
    'usb[n]': 'text',
    vcpus: whole(1),
    vga: 'text',
    'virtiofs[n]': 'text',
    vmgenid: 'text',
    vmstatestorage: 'text',
    watchdog: 'text',
  },
}

/** Virtual machines know no `dev0`. */
function withoutDevices(keys: Readonly<Record<string, KeyType>>): Readonly<Record<string, KeyType>> {
  return Object.fromEntries(Object.entries(keys).filter(([key]) => key !== 'dev[n]'))
}

/** Keys that are not set by name, and why: what a person would want to hear, in place of an error of the API. */
const refused: readonly (readonly [pattern: RegExp, why: string, instead: string])[] = [
  [
    /pass|secret/,
    'a password would stand in plans, approvals and the audit log',
    'set it inside the guest; for cloud-init use sshkeys',
  ],
  [
    /^env$/,
    'an environment often holds secrets, and plans are shown and kept',
    'set it inside the container, or in the web interface',
  ],
  [
    /^(rootfs|mp\d+|unused\d+|ide\d+|sata\d+|scsi\d+|virtio\d+|efidisk0|tpmstate0|cdrom)$/,
    'a disk is not changed by name: data can be lost',
    'proxmox_resize_disk grows one; else use the web interface',
  ],
  [/^template$/, 'a template is made by a tool of its own', 'proxmox_convert_template'],
  [/^(args|hookscript|unprivileged|lock|skiplock)$/, 'only root on the node may do that', 'do it there, as root'],
  [/^(digest|delete|revert|force|node|vmid)$/, 'it is no key of the configuration', 'remove takes the keys to delete'],
]

/** A value as the API takes it. @throws GatewayError invalid_input: not to be set by name, no such key, or of the wrong type */
export function checkedValue(kind: Kind, key: string, value: string | number | boolean): string {
  const type = typeOf(kind, key)
  const said = typeof value === 'boolean' ? String(Number(value)) : String(value)
  const wrong = mismatch(type, said)
  if (wrong === undefined) return type === 'flag' ? String(Number(/^(1|on|yes|true)$/i.test(said))) : said
  throw refusal(`${key} ${wrong}, and is given ${JSON.stringify(said.slice(0, 80))}`, `correct ${key}`)
}

/** What a key may hold. @throws GatewayError invalid_input: not to be set or removed by name, or no such key */
export function typeOf(kind: Kind, key: string): KeyType {
  const [, why, instead] = refused.find(([pattern]) => pattern.test(key)) ?? []
  if (why !== undefined && instead !== undefined) throw refusal(`${key} cannot be changed here: ${why}`, instead)
  const known = configKeys[kind]
  const forms = key.includes('[') ? [] : [key, key.replace(/\d+$/, '[n]')]
  const name = forms.find((one) => Object.hasOwn(known, one))
  const type = name === undefined ? undefined : known[name]
  if (type !== undefined) return type
  const close = nearest(key, Object.keys(known))
  throw refusal(
    `a ${kind === 'lxc' ? 'container' : 'VM'} has no setting ${JSON.stringify(key.slice(0, 80))}`,
    close === undefined ? 'proxmox_guest_info shows what is set' : `did you mean ${close.replace('[n]', '0')}?`,
  )
}

function mismatch(type: KeyType, said: string): string | undefined {
  if (/[\x00\x0b\x0c\x7f]/.test(said) || said.length > 8192) return 'takes at most 8192 printable characters'
  if (type === 'text') return said === '' ? 'takes text (remove deletes a key)' : undefined
  if (type === 'flag') return /^(0|1|on|off|yes|no|true|false)$/i.test(said) ? undefined : 'takes true or false'
  if (isWords(type)) return type.includes(said) ? undefined : `takes one of ${type.join(', ')}`
  const form = type.whole ? /^\d+$/ : /^\d+(\.\d+)?$/
  const { least, most = Number.MAX_SAFE_INTEGER } = type
  if (form.test(said) && Number(said) >= least && Number(said) <= most) return undefined
  const range = type.most === undefined ? `of ${least} or more` : `from ${least} to ${type.most}`
  return `takes a ${type.whole ? 'whole number' : 'number'} ${range}`
}

const isWords = (type: KeyType): type is readonly string[] => Array.isArray(type)
