import type { Clock } from '../lib/clock.ts'
import { Access } from './access.ts'
import { homeContainers, homeMachines, type Odd, officeContainers, officeMachines, type Row } from './fleet-guests.ts'
import { backupsOf, homeJobs, officeJobs, pastTasks } from './fleet-past.ts'
import type { GuestKind, GuestSeed } from './guest.ts'
import type { NodeSeed, Storage } from './parts.ts'
import { type Random, randomHex, randomUuid } from './seeded.ts'
import { World } from './world.ts'

/** One cluster of the demo and the token that opens it. */
export interface DemoCluster {
  readonly world: World
  readonly tokenId: string
  readonly tokenSecret: string
}

const gib = 1024 ** 3
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** Two simulated clusters, `home` and `office`, with three nodes each, some sixty guests, and troubles worth finding. */
export function demoClusters(clock: Clock, random: Random): readonly DemoCluster[] {
  const now = clock.now().getTime()
  return [home, office].map((plan) => {
    const secret = randomUuid(random)
    const guests = plan.guests(now, random)
    const world = new World({
      name: plan.name,
      clock,
      access: accessOf(secret, randomHex(random, 16)),
      nodes: plan.nodes(now),
      guests,
      storages: plan.storages(guests, now),
      pools: [...new Set(guests.flatMap(({ pool }) => pool ?? []))].map((name) => ({
        name,
        comment: `${name} guests`,
      })),
      backupJobs: plan.jobs(now),
    })
    for (const { name, run } of pastTasks(plan.name, now)) world.tasks.record(name, run)
    return { world, tokenId, tokenSecret: secret }
  })
}

const tokenId = 'tailops@pve!demo'

const accessOf = (secret: string, key: string): Access =>
  new Access({
    users: [{ id: 'root@pam' }, { id: 'tailops@pve', comment: 'TailOps' }],
    tokens: [{ id: tokenId, secret, privsep: false, comment: 'the simulated fleet' }],
    acls: [{ path: '/', to: 'tailops@pve', role: 'Administrator' }],
    key,
  })

interface Plan {
  readonly name: string
  nodes(now: number): readonly NodeSeed[]
  guests(now: number, random: Random): readonly GuestSeed[]
  storages(guests: readonly GuestSeed[], now: number): readonly Storage[]
  jobs: typeof homeJobs
}

const homeOdd: Odd = {
  109: { status: 'stopped', config: { onboot: 1 } },
  114: { snapshots: [{ name: 'before-v2', snaptime: 1_760_000_000, description: 'before the upgrade to v2\n' }] },
  121: { status: 'stopped' },
  190: { status: 'stopped', template: true },
  203: { lock: 'backup' },
  205: { status: 'stopped', config: { agent: '0' } },
  207: { agentAnswers: false },
  290: { status: 'stopped', template: true },
}

const home: Plan = {
  name: 'home',
  nodes: (now) => [
    { name: 'alder', ip: '192.0.2.11', upgrades: upgradesDue },
    { name: 'birch', ip: '192.0.2.12', load: 0.34, usedMemory: 52 * gib },
    { name: 'cedar', ip: '192.0.2.13', cpus: 8, memory: 48 * gib, certificateEndsAt: now + 9 * day },
  ],
  guests: (now, random) => [
    ...guestsOf({ rows: homeContainers, kind: 'lxc', odd: homeOdd, network: '192.0.2' }, now, random),
    ...guestsOf({ rows: homeMachines, kind: 'qemu', odd: homeOdd, network: '192.0.2' }, now, random),
  ],
  storages: (guests, now) =>
    storagesOf({ nodes: ['alder', 'birch', 'cedar'], backups: 'nas', fill: 0.94, guests }, now),
  jobs: homeJobs,
}

const officeOdd: Odd = {
  115: { status: 'stopped' },
  116: { status: 'stopped' },
  190: { status: 'stopped', template: true },
  303: { hastate: 'started' },
  310: { config: { agent: '0', onboot: 1 } },
  390: { status: 'stopped', template: true },
}

const office: Plan = {
  name: 'office',
  nodes: (now) => [
    { name: 'oslo', ip: '198.51.100.11', memory: 128 * gib, usedMemory: 71 * gib },
    { name: 'riga', ip: '198.51.100.12', state: 'offline', goneAt: now - 4 * minute, memory: 128 * gib },
    { name: 'turin', ip: '198.51.100.13', memory: 128 * gib, usedMemory: 66 * gib, bootedAt: now - 203 * day },
  ],
  guests: (now, random) => [
    ...guestsOf({ rows: officeContainers, kind: 'lxc', odd: officeOdd, network: '198.51.100' }, now, random),
    ...guestsOf({ rows: officeMachines, kind: 'qemu', odd: officeOdd, network: '198.51.100' }, now, random),
  ],
  storages: (guests, now) =>
    storagesOf({ nodes: ['oslo', 'riga', 'turin'], backups: 'vault', fill: 0.58, guests }, now),
  jobs: officeJobs,
}

const upgradesDue = [
  { name: 'pve-manager', from: '9.2.11', to: '9.2.14' },
  { name: 'proxmox-kernel-6.17', from: '6.17.4-2', to: '6.17.9-1' },
  { name: 'qemu-server', from: '9.2.4', to: '9.2.6' },
  { name: 'openssl', from: '3.5.4-1', to: '3.5.4-1+deb13u1' },
]

interface Guests {
  readonly rows: readonly Row[]
  readonly kind: GuestKind
  readonly odd: Odd
  readonly network: string
}

function guestsOf({ rows, kind, odd, network }: Guests, now: number, random: Random): readonly GuestSeed[] {
  return rows.map(([vmid, node, name, tags, pool, cpus, memoryGib, diskGib, used]) => {
    const special = odd[vmid] ?? {}
    const running = special.status !== 'stopped'
    const memory = memoryGib * gib
    return {
      vmid,
      node,
      kind,
      name,
      tags,
      ...(pool !== '' && { pool }),
      cpus,
      memory,
      usedMemory: Math.round(memory * used),
      diskSize: diskGib * gib,
      usedDisk: Math.round(diskGib * gib * (0.25 + random() * 0.4)),
      load: 0.01 + random() * 0.15,
      status: 'running',
      ...(running && { startedAt: now - Math.round(hour + random() * 40 * day) }),
      addresses: [`${network}.${vmid % 250}/24`],
      ...special,
      config: {
        ...defaults(kind, running),
        ...disksOf({ vmid, kind, gib: diskGib, template: special.template === true }),
        ...(kind === 'lxc' && { cores: cpus }),
        ...special.config,
      },
    } as const
  })
}

const defaults = (kind: GuestKind, running: boolean): Readonly<Record<string, string | number>> => ({
  ...(running && { onboot: 1 }),
  net0:
    kind === 'lxc' ? 'name=eth0,bridge=vmbr0,firewall=1,ip=dhcp,type=veth' : 'virtio=BC:24:11:00:00:01,bridge=vmbr0',
  ...(kind === 'qemu' && { agent: '1' }),
})

interface Disks {
  readonly vmid: number
  readonly kind: GuestKind
  readonly gib: number
  readonly template: boolean
}

/** One disk each; templates of virtual machines are cloud images. */
function disksOf({ vmid, kind, gib: size, template }: Disks): Readonly<Record<string, string>> {
  const prefix = template ? (kind === 'lxc' ? 'basevol' : 'base') : kind === 'lxc' ? 'subvol' : 'vm'
  const disk = `local-zfs:${prefix}-${vmid}-disk-0,size=${size}G`
  if (kind === 'lxc') return { rootfs: disk }
  return {
    scsi0: disk,
    scsihw: 'virtio-scsi-single',
    ...(template && { ide2: `local-zfs:vm-${vmid}-cloudinit,media=cdrom` }),
  }
}

interface Stores {
  readonly nodes: readonly string[]
  /** The shared storage of backups, and how full it is. */
  readonly backups: string
  readonly fill: number
  readonly guests: readonly GuestSeed[]
}

function storagesOf({ nodes, backups, fill, guests }: Stores, now: number): readonly Storage[] {
  const onEach = (bytes: number) =>
    Object.fromEntries(nodes.map((node, index) => [node, Math.round(bytes * (1 + index / 7))]))
  const iso = {
    volid: 'local:iso/debian-13.2.0-amd64-netinst.iso',
    content: 'iso',
    format: 'iso',
    size: 783_286_272,
  } as const
  const template = (file: string, size: number) =>
    ({ volid: `local:vztmpl/${file}`, content: 'vztmpl', format: file.split('.').at(-1) ?? '', size }) as const
  const ctime = Math.floor(now / 1000) - 3_000_000
  const files = [
    iso,
    template('alpine-3.22-default_20250617_amd64.tar.xz', 3_218_456),
    template('debian-13-standard_13.1-2_amd64.tar.zst', 129_710_398),
  ].map((file) => ({ ...file, ctime }))
  const onNodes = Object.fromEntries(nodes.map((node) => [node, files]))
  const local = {
    name: 'local',
    type: 'dir',
    path: '/var/lib/vz',
    content: ['iso', 'vztmpl', 'snippets'],
    shared: false,
  }
  const disks = { name: 'local-zfs', type: 'zfspool', content: ['images', 'rootdir'], shared: false, volumes: {} }
  const shared = { name: backups, type: 'nfs', path: `/mnt/pve/${backups}`, content: ['backup'], shared: true }
  return [
    { ...local, size: 100 * gib, used: onEach(21 * gib), volumes: onNodes },
    { ...disks, size: 1800 * gib, used: onEach(760 * gib) },
    {
      ...shared,
      size: 8000 * gib,
      used: { '*': 8000 * gib * fill },
      volumes: { '*': backupsOf(backups, guests, now) },
    },
  ]
}
