import { describe, expect, test } from 'bun:test'
import type { WatchRule } from '../../src/config/watch-settings.ts'
import type { AuditRecord } from '../../src/core/ports.ts'
import { openWatchRules, type Sighting } from '../../src/gateway/watch-rules.ts'

const start = Date.parse('2026-03-01T12:00:00Z')
const quietHours = { from: 22 * 60, to: 6 * 60, zone: 'Europe/Berlin' }

/** One rule, and records given to it, by minutes from the start. */
function open(rule: WatchRule, count = 3, before: readonly Sighting[] = []) {
  const see = openWatchRules({ rules: [{ rule, act: 'log', count }], quietHours }, () => before)
  let calls = 0
  return (minutes: number, more: Partial<AuditRecord>): readonly string[] => {
    const at = new Date(start + minutes * 60_000).toISOString()
    return see({ at, call: `c${calls++}`, event: 'finished', caller: 'token:a', ...more }).map(({ reason }) => reason)
  }
}

describe('denials', () => {
  const denied = { result: 'denied' } as const

  test('so many of one caller within ten minutes are told of, once', () => {
    const see = open('denials')
    expect([see(0, denied), see(1, denied), see(2, denied), see(3, denied)]).toEqual([
      [],
      [],
      ['3 calls were denied within ten minutes'],
      [],
    ])
    expect(see(12.5, denied)).toEqual([])
    expect([see(13, denied), see(13, denied)].flat()).toHaveLength(1)
  })

  test('of several callers, slow ones, and calls that were not denied are not', () => {
    const see = open('denials')
    for (const caller of ['token:a', 'token:b', 'token:c', 'token:d']) expect(see(0, { ...denied, caller })).toEqual([])
    for (const minutes of [20, 26, 32, 38]) expect(see(minutes, denied)).toEqual([])
    for (let times = 0; times < 10; times++) expect(see(60, { result: 'done' })).toEqual([])
  })
})

describe('a sweep', () => {
  const change = (target: string): Partial<AuditRecord> => ({
    risk: 'write',
    targets: [target],
    result: 'approval_required',
  })

  test('changes that one caller asks for on many targets are told of; on one target many times, or reads, are not', () => {
    const see = open('sweep')
    for (let times = 0; times < 9; times++) expect(see(0, change('same'))).toEqual([])
    for (let times = 0; times < 9; times++) expect(see(0, { ...change(`t${times}`), risk: 'read' })).toEqual([])
    expect(see(1, change('b'))).toEqual([])
    expect(see(2, change('c'))).toEqual(['changes on 3 targets were asked for within ten minutes'])
  })

  test('so is one call on many', () => {
    expect(open('sweep')(0, { risk: 'write', targets: ['a', 'b', 'c'] })).toHaveLength(1)
  })
})

describe('a newcomer', () => {
  const critical = { event: 'started', risk: 'destructive' } as const

  test('that begins something destructive is told of, once a day', () => {
    const see = open('newcomer')
    expect(see(0, critical)).toEqual(['begins something destructive, 0 minutes after it was first seen'])
    expect([see(1, critical), see(600, critical)]).toEqual([[], []])
  })

  test('is nobody who was there a day before, by the log or since', () => {
    const long = { caller: 'token:a', at: new Date(start - 25 * 3_600_000).toISOString() }
    const lately = { caller: 'token:a', at: new Date(start - 60_000).toISOString() }
    expect(open('newcomer', 1, [long, lately])(0, critical)).toEqual([])
    expect(open('newcomer', 1, [lately])(9, critical)).toEqual([
      'begins something destructive, 10 minutes after it was first seen',
    ])
  })

  test('may read and write as it likes', () => {
    const see = open('newcomer')
    for (const risk of ['read', 'probe', 'write'] as const) expect(see(0, { event: 'started', risk })).toEqual([])
  })
})

test('a change that begins in the quiet hours is told of, by the clock of their zone', () => {
  const see = open('quiet_hours')
  const begun = { event: 'started', tool: 'write_file' } as const
  expect(see(0, begun)).toEqual([])
  expect(see(8 * 60 + 59, begun)).toEqual([])
  expect(see(9 * 60, begun)).toEqual(['begins write_file in the quiet hours'])
  expect(see(9 * 60 + 30, { event: 'finished' })).toEqual([])
})

test('records of the brakes themselves are not watched: no alert makes another', () => {
  const see = open('denials', 1)
  for (const event of ['alert', 'freeze', 'unfreeze', 'gateway', 'limited'] as const)
    expect(see(0, { event, result: 'denied' })).toEqual([])
})

test('callers and targets without number stay within bounds', () => {
  const see = open('sweep', 2000)
  const began = performance.now()
  for (let index = 0; index < 20_000; index++)
    see(0, { caller: `token:${index % 3000}`, risk: 'write', targets: [`t${index}`, 'x'] })
  expect(performance.now() - began).toBeLessThan(5000)
})
