import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { cursorText, readCursor } from '../../src/core/fleet-cursor.ts'
import { toToon } from '../../src/lib/toon.ts'
import { type DemoFleet, openDemoFleet } from '../support/demo-fleet.ts'
import { keepClusters } from '../support/many-guests.ts'
import { type MovedClock, movedClock } from '../support/moved-clock.ts'
import { type OwnToolsWorld, openOwnToolsWorld } from '../support/own-tools-world.ts'

setDefaultTimeout(30_000)

let demo: DemoFleet
beforeAll(async () => {
  demo = await openDemoFleet()
})
afterAll(() => demo.stop())

const ask = (tool: string, input: Record<string, unknown> = {}) => demo.world.answer(tool, input)
const asText = async (tool: string, input: Record<string, unknown> = {}) => toToon(await ask(tool, input))

async function withWorld(use: (world: OwnToolsWorld & { readonly clock: MovedClock }) => Promise<void>): Promise<void> {
  const clock = movedClock()
  const world = openOwnToolsWorld({ clock })
  try {
    await use({ ...world, clock })
  } finally {
    await world.stop()
  }
}

describe('get_fleet_state', () => {
  test('shows the demo fleet with its ages, what is odd, and a cursor', async () => {
    const text = await asText('get_fleet_state')
    for (const part of ['home', 'office', 'seen: "0s ago, complete"', '101,proxy,alder', 'lock=backup', 'agent silent'])
      expect(text).toContain(part)
    expect(text).toContain('riga,offline')
    expect(text).toContain('109,paperless,cedar,stopped')
    // One that begins with a dash is quoted.
    expect(text).toMatch(/\ncursor: "?[\w-]+"?$/)
  })

  test.each([
    [{ cluster: 'office', kind: 'node' }, ['oslo', 'riga', 'turin'], ['alder', 'web1']],
    [{ node: 'riga' }, ['riga', 'wiki'], ['web1', 'home']],
    [{ status: 'stopped' }, ['paperless', 'staging-web'], ['proxy']],
    [{ tag: 'db' }, ['postgres', 'shop-db'], ['proxy']],
    [{ text: '192.0.2.104' }, ['postgres'], ['redis']],
    [{ text: 'POSTGRES' }, ['postgres', '8192'], ['redis']],
  ])('%j', async (filter, shown, hidden) => {
    const text = await asText('get_fleet_state', filter)
    for (const word of shown) expect(text).toContain(word)
    for (const word of hidden) expect(text).not.toContain(word)
  })

  test('what does not fit is none, and a name that there is not is an error with the nearest', async () => {
    expect(await ask('get_fleet_state', { text: 'no such thing' })).toMatchObject({ note: 'none of 82 fits' })
    await expect(ask('get_fleet_state', { cluster: 'hom' })).rejects.toMatchObject({
      code: 'not_found',
      hint: 'did you mean home?',
    })
  })

  test('43 resources cost at most 1,000 tokens', () =>
    withWorld(async ({ state, clock, answer }) => {
      keepClusters(state.fleet, clock.now(), { clusters: 1, nodes: 3, guests: 36 })
      expect(state.fleet.resources().length).toBe(43)
      expect(countTokens(toToon(await answer('get_fleet_state')))).toBeLessThanOrEqual(1000)
    }))

  test('1,000 guests are counted, the abnormal ones named, and how to see more is said', () =>
    withWorld(async ({ state, clock, answer }) => {
      keepClusters(state.fleet, clock.now(), { clusters: 5, nodes: 4, guests: 200 })
      const text = toToon(await answer('get_fleet_state'))
      expect(text).toContain('guests: "200: 180 running, 20 stopped; 133 lxc, 67 qemu"')
      expect(text).toContain('150,service-49,pve1,stopped,lock=backup')
      expect(text).toContain('detail: rows')
      expect(countTokens(text)).toBeLessThanOrEqual(1500)
      expect(toToon(await answer('get_fleet_state', { cluster: 'site-2', node: 'pve3' }))).toContain('service-3,')
      expect(toToon(await answer('get_fleet_state', { detail: 'rows' }))).toContain('service-197')
    }))

  test('what does not answer is marked as old, and nothing is passed off as all', () =>
    withWorld(async ({ state, clock, answer }) => {
      const at = new Date(clock.now().getTime() - 900_000)
      keepClusters(state.fleet, at, { clusters: 1, nodes: 1, guests: 2 })
      const failure = { complete: false, health: 'unreachable', error: 'timeout: no end', failures: 3 } as const
      state.fleet.update('site-0', ({ state: before }) => ({
        state: { source: 'site-0', triedAt: clock.now(), since: at, gaps: [], seenAt: before?.seenAt, ...failure },
        put: [],
        remove: [],
        changes: [],
      }))
      expect(toToon(await answer('get_fleet_state'))).toContain('OLD: 15m ago, does not answer: timeout: no end')
      expect(await answer('get_fleet_state', { text: 'nothing' })).toMatchObject({
        nothing_from: 'site-0: OLD: 15m ago, does not answer: timeout: no end',
      })
    }))

  test('before the first look it says so', () =>
    withWorld(async ({ answer }) => {
      expect(await answer('get_fleet_state')).toMatchObject({ note: expect.stringContaining('nothing is watched') })
    }))
})

describe('get_fleet_changes', () => {
  test('tells what changed since a cursor, once; nothing new costs at most 40 tokens', () =>
    withWorld(async ({ state, clock, answer }) => {
      keepClusters(state.fleet, clock.now(), { clusters: 1, nodes: 2, guests: 30 })
      const { cursor } = await answer('get_fleet_state')
      const guest = state.fleet.find('pve:site-0/101')
      if (guest === undefined) throw new Error('there is one')
      state.fleet.update('site-0', ({ state: before }) => ({
        state: before ?? { ...Object(undefined) },
        put: [{ ...guest, facts: { ...guest.facts, status: 'stopped' } }],
        remove: [],
        changes: [
          { at: clock.now(), id: guest.id, kind: 'qemu', what: 'changed', fields: { status: ['running', 'stopped'] } },
        ],
      }))
      const news = await answer('get_fleet_changes', { cursor })
      expect(news['changes']).toEqual([
        { ago: '0s', id: 'pve:site-0/101', name: 'service-0', what: 'status', change: 'running → stopped' },
      ])
      const quiet = await answer('get_fleet_changes', { cursor: news['cursor'] })
      expect(quiet).toEqual({ seen: 'site-0: 0s ago, complete', cursor: news['cursor'] })
      expect(countTokens(toToon(quiet))).toBeLessThanOrEqual(40)
    }))

  test('pages by cursor reach the end and skip nothing', async () => {
    const { epoch, newest } = demo.world.state.fleet
    let cursor: unknown = cursorText({ epoch, seq: 0 })
    let left: unknown
    for (let page = 0; page < 10 && (page === 0 || left !== undefined); page++) {
      const before = readCursor(String(cursor))?.seq ?? 0
      const answer: Record<string, unknown> = await ask('get_fleet_changes', { cursor, limit: 30 })
      ;({ cursor, more: left } = answer)
      expect(readCursor(String(cursor))?.seq).toBe(Math.min(newest, before + 30))
      expect(left).toBe(before + 30 < newest ? newest - before - 30 : undefined)
    }
    expect(readCursor(String(cursor))).toEqual({ epoch, seq: newest })
  })

  test('without a cursor it shows the newest, and how many came before', async () => {
    const { newest } = demo.world.state.fleet
    expect(await ask('get_fleet_changes')).toMatchObject({ earlier: newest - 20 })
  })

  test.each([
    ['another history', { epoch: '000000000000' }],
    ['the future', { seq: 1_000_000 }],
  ])('a cursor of %s resets', async (_, other) => {
    const { epoch, newest } = demo.world.state.fleet
    const cursor = cursorText({ epoch, seq: newest, ...other })
    expect(await ask('get_fleet_changes', { cursor })).toMatchObject({
      reset: true,
      hint: expect.stringContaining('read get_fleet_state'),
    })
  })

  test('a cursor from before what is kept resets', () =>
    withWorld(async ({ state, clock, answer }) => {
      keepClusters(state.fleet, clock.now(), { clusters: 1, nodes: 1, guests: 1 })
      const { epoch, newest } = state.fleet
      state.fleet.prune(new Date(clock.now().getTime() + 1000))
      expect(await answer('get_fleet_changes', { cursor: cursorText({ epoch, seq: 1 }) })).toMatchObject({
        reset: true,
      })
      expect(await answer('get_fleet_changes', { cursor: cursorText({ epoch, seq: newest }) })).not.toHaveProperty(
        'reset',
      )
    }))

  test('what is no cursor is invalid input', async () => {
    await expect(ask('get_fleet_changes', { cursor: 'nonsense' })).rejects.toMatchObject({ code: 'invalid_input' })
  })
})

/** The planted troubles of the demo; what else is grave would be a false alarm. */
const grave = [
  'critical node:office/riga node offline',
  'high node:home/birch backup failed',
  'high pve:home/109 stopped, but should run',
  'high storage:home/nas storage nearly full',
]
const lesser = [
  'low home guest agent missing',
  'low home updates due',
  'medium home no backup at all',
  'medium home no backup for 7 days',
  'medium node:home/cedar certificate due',
  'medium office no backup at all',
  'medium office no backup for 7 days',
  'medium pve:home/108 memory pressure',
  'medium pve:home/203 lock left over',
  'medium pve:office/113 task failed',
]

describe('triage_fleet', () => {
  test('finds every planted trouble of the demo and claims nothing else', async () => {
    const { problems } = await ask('triage_fleet')
    const told = Array.isArray(problems) ? problems : []
    expect(told.map(({ severity, where, problem }) => `${severity} ${where} ${problem}`).toSorted()).toEqual([
      ...grave,
      ...lesser,
    ])
  })

  test('limits can be set', async () => {
    const text = await asText('triage_fleet', { full_pct: 99, certificate_days: 2, backup_days: 30 })
    expect(text).not.toContain('nearly full')
    expect(text).not.toContain('certificate due')
    expect(text).not.toContain('immich')
    expect(text).toContain('legacy-erp')
  })

  test('with nothing watched it claims nothing', () =>
    withWorld(async ({ answer }) => {
      expect(await answer('triage_fleet')).toEqual({
        found: 'nothing, of 0 resources',
        seen: 'nothing is watched yet: run_discovery looks now',
      })
    }))
})
