import type { Storage, Volume } from '../../../src/demo/parts.ts'

const gib = 1024 ** 3
const nodes = ['pve1', 'pve2', 'pve3'] as const
const onEach = <T>(what: T): Readonly<Record<string, T>> => Object.fromEntries(nodes.map((node) => [node, what]))

const template = (file: string): Volume => ({
  volid: `local:vztmpl/${file}`,
  content: 'vztmpl',
  format: 'tzst',
  size: 120 * 2 ** 20,
  ctime: 1_760_000_000,
})
const iso = (file: string): Volume => ({ ...template(''), volid: `local:iso/${file}`, content: 'iso', format: 'iso' })

const volumes: readonly Volume[] = [
  template('alpine-3.22-default_20250617_amd64.tar.xz'),
  template('debian-12-standard_12.2-1_amd64.tar.zst'),
  template('debian-12-standard_12.12-1_amd64.tar.zst'),
  template('debian-13-standard_13.1-2_amd64.tar.zst'),
  iso('debian-13.2.0-amd64-netinst.iso'),
  iso('ubuntu-24.04.3-live-server-amd64.iso'),
]

/** Templates and images on `local`, disks on `fast` (one a node) and `slow` (shared). */
export const newGuestStorages: readonly Storage[] = [
  {
    name: 'local',
    type: 'dir',
    content: ['iso', 'vztmpl'],
    shared: false,
    size: 100 * gib,
    used: onEach(20 * gib),
    volumes: onEach(volumes),
  },
  {
    name: 'fast',
    type: 'lvmthin',
    content: ['images', 'rootdir'],
    shared: false,
    size: 1000 * gib,
    used: onEach(500 * gib),
    volumes: {},
  },
  {
    name: 'slow',
    type: 'nfs',
    content: ['images', 'rootdir'],
    shared: true,
    size: 2000 * gib,
    used: { '*': 1000 * gib },
    volumes: {},
  },
]
