import { describe, expect, test } from 'bun:test'
import { z } from 'zod'
import type { Resource } from '../../src/core/fleet.ts'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import { defineTool } from '../../src/core/tool.ts'
import { type ClusterWish, chooseClusters } from '../../src/gateway/choose-clusters.ts'

const at = new Date('2026-03-01T12:00:00Z')
const cluster = (id: string, ...prefixes: readonly string[]): Target => ({
  id,
  kind: 'proxmox',
  tags: [],
  capabilities: ['proxmox:read'],
  constraints: defaultConstraints,
  prefixes,
})
const clusters = [cluster('home', 'h-', 'h-lab-'), cluster('work', 'w-'), cluster('lab', 'h-lab-x')]

const shape = { input: z.object({ guest: z.string().optional() }), output: z.object({}) }
const named = { targets: ['proxmox'], capability: 'proxmox:read', description: '', ...shape } as const
const list = defineTool({ ...named, name: 'list', risk: 'read', run: async () => ({}) })
const read = defineTool({ ...named, name: 'read', resource: 'guest', risk: 'read', run: async () => ({}) })
const plan = async () => ({ summary: '', basis: {}, steps: [] })
const change = defineTool({ ...named, name: 'change', resource: 'guest', risk: 'write', plan, report: () => ({}) })

const guest = (source: string, vmid: number, name: string): Resource => ({
  id: `pve:${source}/${vmid}`,
  kind: 'lxc',
  source,
  facts: { name, status: 'running' },
  use: {},
  seenAt: at,
  since: at,
})
const known = [
  guest('home', 101, 'web'),
  guest('work', 102, 'db'),
  guest('home', 103, 'mail'),
  guest('lab', 103, 'mail'),
  guest('lab', 104, 'homework'),
]

function fleet(looked: readonly string[] = ['home', 'work', 'lab']) {
  const state = { triedAt: at, complete: true, gaps: [], health: 'up', since: at, failures: 0 } as const
  return {
    resources: () => known,
    sources: () => clusters.map(({ id }) => ({ source: id, ...state, seenAt: looked.includes(id) ? at : undefined })),
  }
}

const chosen = (tool: Parameters<typeof chooseClusters>[1], wish: ClusterWish, looked?: readonly string[]) =>
  chooseClusters({ all: clusters, fleet: fleet(looked) }, tool, wish).map(({ id }) => id)

describe('which cluster a call means', () => {
  test('the one it names, or an error that lists them', () => {
    expect(chosen(change, { cluster: 'work', resource: 'h-1' })).toEqual(['work'])
    expect(() => chosen(list, { cluster: 'hom' })).toThrow('no cluster "hom"')
  })

  test('the only one there is', () => {
    const only = { all: [cluster('home')], fleet: fleet([]) }
    expect(chooseClusters(only, change, { resource: '999' })).toMatchObject([{ id: 'home' }])
  })

  test('all of them for a list', () => {
    expect(chosen(list, {})).toEqual(['home', 'lab', 'work'])
  })

  test.each([
    ['an id', 'pve:lab/103', 'lab'],
    ['a prefix', 'w-7', 'work'],
    ['the longest prefix', 'h-lab-xy', 'lab'],
    ['the longest prefix of one', 'h-lab-1', 'home'],
    ['the name of a cluster', 'work-db1', 'work'],
    ['a vmid that is on one only', '102', 'work'],
    ['a name that is on one only', 'web', 'home'],
  ])('the one of %s', (_by, resource, expected) => {
    expect([chosen(read, { resource }), chosen(change, { resource })]).toEqual([[expected], [expected]])
  })

  test.each([
    ['a vmid that two have', '103', 'home'],
    ['a vmid that none has', '999', 'home'],
    ['a name that begins like a cluster, but is known on another', 'homework', 'home'],
  ])('%s: a read takes the first one, a change is refused', (_what, resource, first) => {
    expect(chosen(read, { resource })).toEqual([first])
    expect(() => chosen(change, { resource })).toThrow(/change: /)
  })

  test('a change is not sent to the one that is known to have it while another has not been looked at', () => {
    expect(chosen(read, { resource: '102' }, ['work'])).toEqual(['work'])
    expect(() => chosen(change, { resource: '102' }, ['work', 'lab'])).toThrow('"102" could be on work and home')
  })

  test('without any cluster says how to get one', () => {
    expect(() => chooseClusters({ all: [], fleet: fleet() }, list, {})).toThrow('no Proxmox cluster is configured')
  })
})
