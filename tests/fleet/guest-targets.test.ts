import { expect, test } from 'bun:test'
import type { Discovery, ProxmoxConnection } from '../../src/core/connection.ts'
import type { Facts, Resource } from '../../src/core/fleet.ts'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import { guestTargets } from '../../src/fleet/guest-targets.ts'

const clusterOf = (discovery: Partial<Discovery> = {}, id = 'home') => {
  const target: Target = {
    id,
    kind: 'proxmox',
    tags: [],
    capabilities: ['proxmox:read', 'guest:exec'],
    constraints: { ...defaultConstraints, timeoutMs: 12_000 },
    cluster: id,
    segment: 'a',
  }
  const connection: ProxmoxConnection = {
    kind: 'proxmox',
    apiUrls: [],
    nodes: { pve1: 'node-1' },
    prefixes: [],
    tls: { verify: true },
    defaults: {},
    discovery: {
      enabled: true,
      intervalMs: 300_000,
      healthIntervalMs: 60_000,
      register: ['running'],
      capabilities: ['system:read'],
      include: {},
      exclude: {},
      ...discovery,
    },
  }
  return { ...target, connection }
}

const guest = (vmid: number, facts: Facts, { kind = 'lxc', source = 'home' }: Partial<Resource> = {}): Resource => ({
  id: `pve:${source}/${vmid}`,
  kind,
  source,
  facts: { node: 'pve1', status: 'running', ...facts },
  use: {},
  seenAt: new Date(0),
  since: new Date(0),
})

const idsOf = (discovery: Partial<Discovery>, ...guests: readonly Resource[]) =>
  guestTargets([clusterOf(discovery)], guests).map(({ id }) => id)

const ssh = { username: 'root', port: 2222, keyPath: '/key', acceptNew: true } as const

test('a running container is a target with the rights, the segment and the time limit that its cluster gives it', () => {
  expect(guestTargets([clusterOf()], [guest(101, { name: 'web01', tags: ['web'] })])).toEqual([
    {
      guest: { cluster: 'home', vmid: 101 },
      id: 'pve:home/101',
      kind: 'guest',
      tags: ['web'],
      capabilities: ['system:read'],
      constraints: { ...defaultConstraints, timeoutMs: 12_000 },
      segment: 'a',
      cluster: 'home',
      alias: 'web01',
      connection: { kind: 'guest', guest: 'lxc', vmid: 101, node: 'pve1', cluster: 'home', nodeTarget: 'node-1' },
    },
  ])
})

test('a guest with a known address is reached over ssh where the configuration says how', () => {
  const [target] = guestTargets([clusterOf({ ssh })], [guest(101, { addresses: ['192.0.2.1', '192.0.2.2'] })])
  expect(target?.connection).toMatchObject({ kind: 'ssh', host: '192.0.2.1', port: 2222, username: 'root' })
})

test('a guest without an address is reached through its node all the same', () => {
  expect(guestTargets([clusterOf({ ssh })], [guest(101, {})])[0]?.connection.kind).toBe('guest')
})

test('templates and stopped guests are no targets, unless stopped ones are asked for; one of unknown state stays', () => {
  const guests = [
    guest(1, { template: true }),
    guest(2, { status: 'stopped' }),
    guest(3, { status: 'unknown' }),
    guest(4, {}),
  ]
  expect(idsOf({}, ...guests)).toEqual(['pve:home/3', 'pve:home/4'])
  expect(idsOf({ register: ['stopped'] }, ...guests)).toEqual(['pve:home/2', 'pve:home/3'])
})

test('each list of include must fit, and one list of exclude that fits is enough', () => {
  const web = guest(1, { name: 'web-1', tags: ['web'], pool: 'prod' })
  const db = guest(2, { name: 'db-1', tags: ['db'], pool: 'prod' }, { kind: 'qemu' })
  const bare = guest(3, {})
  const all = [web, db, bare]
  expect(idsOf({ include: { tags: ['Web', 'db'] } }, ...all)).toEqual([web.id, db.id])
  expect(idsOf({ include: { pools: ['prod'], kinds: ['qemu'] } }, ...all)).toEqual([db.id])
  expect(idsOf({ include: { names: ['web-*'] } }, ...all)).toEqual([web.id])
  expect(idsOf({ exclude: { names: ['web-*'], kinds: ['qemu'] } }, ...all)).toEqual([bare.id])
})

test('a name that two guests or another target have, or that means something else, is no alias', () => {
  const clusters = [clusterOf({}, 'home'), clusterOf({}, 'work')]
  const aliases = guestTargets(clusters, [
    guest(1, { name: 'twice' }),
    guest(2, { name: 'twice', status: 'stopped' }, { source: 'work' }),
    guest(3, { name: 'work' }),
    guest(4, { name: 'all' }),
    guest(5, { name: 'tag:web' }),
    guest(6, { name: 'mail' }),
  ]).map(({ alias }) => alias)
  expect(aliases).toEqual([undefined, undefined, undefined, undefined, 'mail'])
})

test('a cluster whose discovery is off, or that is not configured, gives no targets', () => {
  expect(idsOf({ enabled: false }, guest(1, {}))).toEqual([])
  expect(idsOf({}, guest(1, {}, { source: 'other' }))).toEqual([])
})
