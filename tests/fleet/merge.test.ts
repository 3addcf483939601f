import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Facts, type Observation, type Resource, replay, type Seen } from '../../src/core/fleet.ts'
import { merge } from '../../src/fleet/merge.ts'

const time = (seconds: number) => new Date(1_772_366_400_000 + seconds * 1000)

const look = (seen: readonly Seen[], more: Partial<Observation> = {}): Observation => ({
  source: 'home',
  at: time(60),
  seen,
  complete: true,
  gaps: [],
  ...more,
})

const guest = (vmid: number, facts: Facts = {}, more: Partial<Seen> = {}): Seen => ({
  id: `pve:home/${vmid}`,
  kind: 'lxc',
  facts: { status: 'running', node: 'pve1', name: `web${vmid}`, ...facts },
  ...more,
})

const after = (seen: readonly Seen[]): readonly Resource[] => merge([], look(seen, { at: time(0) })).put

describe('what a look makes of what was known', () => {
  test('nothing when nothing is different, though every measured value is', () => {
    const known = after([guest(1, {}, { use: { cpu_pct: 1 } })])
    const merged = merge(known, look([guest(1, {}, { use: { cpu_pct: 90 } })]))
    expect(merged.changes).toEqual([])
    expect(merged.put).toMatchObject([{ use: { cpu_pct: 90 }, seenAt: time(60), since: time(0) }])
  })

  test('a move, a new name, a stop: one change that tells before and after', () => {
    const merged = merge(after([guest(1)]), look([guest(1, { node: 'pve2', name: 'new', status: 'stopped' })]))
    expect(merged.changes).toEqual([
      {
        at: time(60),
        id: 'pve:home/1',
        kind: 'lxc',
        what: 'changed',
        fields: { name: ['web1', 'new'], node: ['pve1', 'pve2'], status: ['running', 'stopped'] },
      },
    ])
    expect(merged.put).toMatchObject([{ since: time(60) }])
  })

  test('what is not seen is gone, but not when the look was not complete', () => {
    const known = after([guest(1), guest(2)])
    expect(merge(known, look([guest(1)]))).toMatchObject({ remove: ['pve:home/2'], changes: [{ what: 'deleted' }] })
    expect(merge(known, look([guest(1)], { complete: false }))).toMatchObject({ remove: [], changes: [] })
  })

  test('facts that could not be shown stay as they were', () => {
    const dead: Seen = { id: 'pve:home/1', kind: 'lxc', facts: { status: 'unknown', node: 'pve1' }, kept: ['name'] }
    const merged = merge(after([guest(1)]), look([dead]))
    expect(merged.put).toMatchObject([{ facts: { name: 'web1', status: 'unknown' } }])
    expect(merged.changes).toMatchObject([{ fields: { status: ['running', 'unknown'] } }])
  })

  test('a VM under the number of a deleted container is another guest, and inherits nothing', () => {
    const vm: Seen = { id: 'pve:home/1', kind: 'qemu', facts: { status: 'running' }, kept: ['name'] }
    const merged = merge(after([guest(1)]), look([vm]))
    expect(merged.changes.map(({ what, kind }) => `${what} ${kind}`)).toEqual(['deleted lxc', 'created qemu'])
    expect(merged.put).toMatchObject([{ kind: 'qemu', facts: { status: 'running' }, since: time(60) }])
  })

  test('one that is told of twice is one', () => {
    expect(merge([], look([guest(1), guest(1)])).changes).toHaveLength(1)
  })
})

const fact = fc.oneof(fc.string({ maxLength: 3 }), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 2 }))
const seen: fc.Arbitrary<Seen> = fc.record({
  id: fc.integer({ min: 1, max: 6 }).map((vmid) => `pve:home/${vmid}`),
  kind: fc.constantFrom('lxc' as const, 'qemu' as const),
  facts: fc.dictionary(fc.constantFrom('status', 'name', 'node', 'tags', 'lock'), fact),
  kept: fc.subarray(['name', 'tags']),
})
const looks = fc.array(fc.record({ seen: fc.array(seen, { maxLength: 6 }), complete: fc.boolean() }), { maxLength: 8 })

test('changes replayed from any point on give exactly the state', () => {
  fc.assert(
    fc.property(looks, (all) => {
      const states: ReadonlyMap<string, Facts>[] = [new Map()]
      const told = []
      let known: readonly Resource[] = []
      for (const [index, { seen, complete }] of all.entries()) {
        const { put, remove, changes } = merge(known, look(seen, { complete, at: time(index) }))
        const next = new Map(known.map((resource) => [resource.id, resource]))
        for (const id of remove) next.delete(id)
        for (const resource of put) next.set(resource.id, resource)
        known = [...next.values()]
        states.push(new Map(known.map(({ id, facts }) => [id, facts])))
        told.push(changes)
      }
      for (const [index, state] of states.entries()) {
        const end = told.slice(index).flat().reduce<ReadonlyMap<string, Facts>>(replay, state)
        expect(Object.fromEntries(end)).toEqual(Object.fromEntries(states.at(-1) ?? []))
      }
    }),
    { numRuns: 300 },
  )
})
