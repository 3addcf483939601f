import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Facts, type FleetChange, type Resource, replay, type SourceState } from '../../src/core/fleet.ts'
import type { FleetUpdate } from '../../src/core/fleet-ports.ts'
import { StateWorld, startWorker } from './state-world.ts'

const at = new Date('2026-03-01T12:00:00Z')

const guest = (vmid: number, facts: Resource['facts'] = {}): Resource => ({
  id: `pve:home/${vmid}`,
  kind: 'lxc',
  source: 'home',
  facts: { status: 'running', tags: ['a', 'b'], cpus: 2, ...facts },
  use: { cpu_pct: 1.5 },
  seenAt: at,
  since: at,
})

const source: SourceState = {
  source: 'home',
  triedAt: at,
  seenAt: at,
  complete: true,
  gaps: ['pve3 does not answer'],
  health: 'degraded',
  since: at,
  failures: 0,
}

const created = ({ id, kind, facts }: Resource): FleetChange => ({
  at,
  id,
  kind,
  what: 'created',
  fields: Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, [null, fact] as const])),
})

const update = (...put: readonly Resource[]): FleetUpdate => ({
  state: source,
  put,
  remove: [],
  changes: put.map(created),
})

describe('the store of the fleet', () => {
  test('gives back what was put, also after it was opened again', () => {
    using world = new StateWorld()
    const put = update(guest(101), guest(102, { name: 'web' }))
    world.open().fleet.update('home', () => put)
    world.close()
    const { fleet } = world.open()
    expect(fleet.resources()).toEqual(put.put)
    expect(fleet.resourcesOf('other')).toEqual([])
    expect(fleet.find('pve:home/102')?.facts['name']).toBe('web')
    expect(fleet.sources()).toEqual([source])
    expect(fleet.changesSince(0, 10)).toEqual(put.changes.map((change, index) => ({ ...change, seq: index + 1 })))
  })

  test('shows one process what another has written, in its next turn of the event loop', async () => {
    using world = new StateWorld()
    const [one, other] = [world.open('p1'), world.open('p2')]
    expect(one.fleet.resources()).toEqual([])
    const before = one.fleet.version()
    other.fleet.update('home', () => update(guest(101)))
    await new Promise((resolve) => setImmediate(resolve))
    expect(one.fleet.resources()).toHaveLength(1)
    expect(one.fleet.version()).not.toBe(before)
    expect(one.fleet.epoch).toBe(other.fleet.epoch)
  })

  test('gives an update what the source is now, and keeps nothing of one that throws', () => {
    using world = new StateWorld()
    const { fleet } = world.open()
    fleet.update('home', () => update(guest(101)))
    expect(() =>
      fleet.update('home', ({ resources }) => {
        expect(resources).toEqual([guest(101)])
        throw new TypeError('no')
      }),
    ).toThrow('no')
    expect(fleet.newest).toBe(1)
  })

  test('numbers changes for ever, also when all were forgotten', () => {
    using world = new StateWorld()
    const { fleet } = world.open()
    expect([fleet.oldest, fleet.newest]).toEqual([1, 0])
    fleet.update('home', () => update(guest(101), guest(102)))
    expect([fleet.oldest, fleet.newest]).toEqual([1, 2])
    fleet.prune(new Date(at.getTime() + 1))
    expect([fleet.oldest, fleet.newest]).toEqual([3, 2])
    fleet.update('home', () => update(guest(103)))
    expect(fleet.changesSince(2, 10).map(({ seq }) => seq)).toEqual([3])
  })

  test('forgets a source with all it told, and says that each resource is gone', () => {
    using world = new StateWorld()
    const { fleet } = world.open()
    fleet.update('home', () => update(guest(101)))
    fleet.keepFindings('home', { backups: { at, data: [{ vmid: 101 }] }, tasks: { at, error: 'denied' } })
    expect(fleet.findings('home')).toEqual({ backups: { at, data: [{ vmid: 101 }] }, tasks: { at, error: 'denied' } })
    fleet.forget('home', at)
    expect([fleet.resources(), fleet.sources(), fleet.findings('home')]).toEqual([[], [], undefined])
    expect(fleet.changesSince(1, 10)).toMatchObject([
      { what: 'deleted', id: 'pve:home/101', fields: { status: ['running', null] } },
    ])
  })

  test('lets one process watch at a time: another one follows when it is gone or its time is over', () => {
    using world = new StateWorld()
    const [one, other] = [world.open('p1'), world.open('p2')]
    world.alive.add('p1').add('p2')
    expect([one.fleet.holdsWatch(1000), other.fleet.holdsWatch(1000), one.fleet.holdsWatch(1000)]).toEqual([
      true,
      false,
      true,
    ])
    world.at += 1000
    expect([other.fleet.holdsWatch(1000), one.fleet.holdsWatch(1000)]).toEqual([true, false])
    world.alive.delete('p2')
    expect(one.fleet.holdsWatch(1000)).toBe(true)
  })

  test('is set aside and begun anew under another epoch when its file is damaged', () => {
    using world = new StateWorld()
    const { epoch } = world.open().fleet
    world.close()
    writeFileSync(
      join(world.dir, 'fleet.db'),
      'no database, but a text that is long enough to be read as one'.repeat(99),
    )
    const { fleet } = world.open()
    expect(fleet.epoch).not.toBe(epoch)
    expect(fleet.resources()).toEqual([])
    expect(readdirSync(world.dir).some((name) => name.startsWith('fleet.db.corrupt-'))).toBe(true)
    expect(existsSync(join(world.dir, 'tailops.db'))).toBe(true)
  })
})

test('after kill -9 in the middle of looks, changes and state agree', async () => {
  using world = new StateWorld()
  for (const looks of [1, 7, 40]) {
    const worker = startWorker(world.dir, 'look')
    let seen = 0
    worker.stdout.on('data', (chunk) => {
      seen += String(chunk).split('.').length - 1
      if (seen >= looks) worker.kill('SIGKILL')
    })
    await new Promise((resolve) => worker.on('close', resolve))
    const { fleet } = world.open()
    const replayed = fleet.changesSince(0, 1_000_000).reduce<ReadonlyMap<string, Facts>>(replay, new Map())
    const known = Object.fromEntries(fleet.resources().map(({ id, facts }) => [id, facts]))
    expect(Object.fromEntries(replayed)).toEqual(known)
    expect(fleet.newest).toBeGreaterThan(0)
    world.close()
  }
})
