import { Access } from '../../../src/demo/access.ts'
import type { GuestSeed } from '../../../src/demo/guest.ts'
import type { NodeSeed, Storage } from '../../../src/demo/parts.ts'
import { World } from '../../../src/demo/world.ts'
import type { Clock } from '../../../src/lib/clock.ts'

/** The tokens of the recordings, by the name that they have there. */
export const labTokens: Readonly<Record<string, string>> = {
  root: 'root@pam!full=00000000-0000-4000-8000-000000000001',
  full: 'gw@pve!full=00000000-0000-4000-8000-000000000002',
  ro: 'gw@pve!ro=00000000-0000-4000-8000-000000000003',
  none: 'gw@pve!none=00000000-0000-4000-8000-000000000004',
}

/** Who may do what in the cluster of the recordings. */
export const labAccess = (): Access =>
  new Access({
    users: [
      { id: 'root@pam', password: 'root-password' },
      { id: 'gw@pve', password: 'gw-password-1', comment: 'gateway user', email: '' },
    ],
    tokens: Object.entries(labTokens).map(([name, text]) => {
      const [id = '', secret = ''] = text.split('=')
      return { id, secret, privsep: name === 'ro' || name === 'none' }
    }),
    acls: [
      { path: '/', to: 'gw@pve', role: 'GwOps' },
      { path: '/vms', to: 'gw@pve!ro', role: 'PVEAuditor' },
    ],
    roles: { GwOps: ['Datastore.Audit', 'Pool.Audit', 'Sys.Audit', 'VM.Audit', 'VM.PowerMgmt'] },
    key: 'key of the lab',
  })

const mib = 1024 ** 2

/** The cluster of the recordings: three nodes, four containers, a virtual machine and a template. */
export function labWorld(clock: Clock): World {
  return new World({
    name: 'lab',
    clock,
    access: labAccess(),
    nodes: labNodes,
    guests: labGuests(clock.now().getTime()),
    storages: labStorages,
    pools: [{ name: 'web', comment: 'web things' }],
  })
}

const labNodes: readonly NodeSeed[] = [1, 2, 3].map((id) => ({ name: `pve${id}`, cpus: 2, ip: `127.0.0.1${id}` }))

function labGuests(now: number): readonly GuestSeed[] {
  const container = { kind: 'lxc', cpus: 2, memory: 64 * mib, diskSize: 1024 * mib } as const
  const running = { status: 'running', startedAt: now - 61_000 } as const
  const snaptime = Math.floor(now / 1000) - 3600
  return [
    {
      ...container,
      ...running,
      vmid: 101,
      node: 'pve1',
      name: 'web01',
      tags: 'Web,prod',
      pool: 'web',
      addresses: ['192.0.2.101/24'],
      snapshots: [{ name: 'before-upgrade', snaptime, description: 'test\n' }],
      config: {
        description: 'seeded web01\n',
        net0: 'name=eth0,bridge=vmbr0,ip=192.0.2.101/24,type=veth',
        rootfs: 'btr:101/vm-101-disk-0.raw,size=1G',
        onboot: 0,
      },
    },
    { ...container, vmid: 102, node: 'pve1', name: 'db01', tags: 'db;prod', pool: 'web' },
    { ...container, ...running, vmid: 103, node: 'pve2', name: 'dns01', tags: 'dns;prod' },
    { ...container, ...running, vmid: 104, node: 'pve3', name: 'cache01', tags: 'cache;prod' },
    {
      ...running,
      kind: 'qemu',
      vmid: 200,
      node: 'pve1',
      name: 'vm-app',
      tags: 'lab;prod',
      cpus: 1,
      memory: 256 * mib,
      addresses: ['192.0.2.200/24'],
      snapshots: [{ name: 's1', snaptime, description: '' }],
      config: {
        agent: '1',
        serial0: 'socket',
        net0: 'virtio=BC:24:11:BD:6C:58,bridge=vmbr0',
        scsi0: 'local:200/vm-200-disk-0.qcow2,size=1G',
        scsihw: 'virtio-scsi-single',
        kvm: 0,
        meta: 'creation-qemu=7.2.22,ctime=1795232793',
        smbios1: 'uuid=68508735-5c7d-4814-b8e2-a2da9f20c617',
        vmgenid: '85ad647d-a0ac-46d0-9d23-17d5c6c89455',
        args: '-kernel /var/lib/vz',
      },
    },
    { kind: 'qemu', vmid: 201, node: 'pve2', name: 'tmpl-debian12', template: true, cpus: 1, memory: 128 * mib },
  ]
}

const labStorages: readonly Storage[] = [
  {
    name: 'local',
    options: { 'prune-backups': 'keep-all=1' },
    type: 'dir',
    path: '/var/lib/vz',
    content: ['iso', 'backup', 'snippets', 'rootdir', 'images', 'vztmpl'],
    shared: false,
    size: 270_553_174_016,
    used: { pve1: 33_410_658_304, pve2: 33_410_658_304, pve3: 33_410_658_304 },
    volumes: {
      pve1: [
        {
          volid: 'local:backup/vzdump-lxc-102-2026_11_21-03_47_57.tar.gz',
          content: 'backup',
          format: 'tar.gz',
          size: 1_053_259,
          ctime: 1_795_232_877,
          vmid: 102,
        },
      ],
    },
  },
  {
    name: 'btr',
    options: { is_mountpoint: '0' },
    type: 'btrfs',
    path: '/var/lib/vz',
    content: ['rootdir', 'backup', 'images'],
    shared: false,
    size: 2_147_483_648,
    used: { pve1: 79_331_328, pve2: 42_622_976, pve3: 42_594_304 },
    volumes: {
      pve1: [101, 102].map((vmid) => ({
        volid: `btr:${vmid}/vm-${vmid}-disk-0.raw`,
        content: 'rootdir' as const,
        format: 'raw',
        size: 1_073_741_824,
        ctime: 1_795_232_878,
        vmid,
      })),
    },
  },
]
