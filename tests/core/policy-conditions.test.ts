import { describe, expect, test } from 'bun:test'
import { type ArgumentCondition, type Conditions, fitOf, opposite } from '../../src/core/policy-conditions.ts'
import { isInWindow } from '../../src/core/policy-times.ts'

const noon = new Date('2026-01-05T12:00:00Z')
const fit = (conditions: Conditions, input?: Record<string, unknown>) => fitOf(conditions, { at: noon, input })
const fitOfValue = (condition: ArgumentCondition, value: unknown) => fit({ arguments: { value: condition } }, { value })

describe('an argument', () => {
  test.each<[ArgumentCondition, unknown, string]>([
    [{ is: ['start', 'stop'] }, 'stop', 'yes'],
    [{ is: [3] }, '3', 'no'],
    [{ is: [true] }, true, 'yes'],
    [{ matches: 'web-\\d+' }, 'web-12', 'yes'],
    [{ matches: 'web' }, 'web-12', 'no'],
    [{ matches: 'web' }, 'web\nrm', 'no'],
    [{ matches: 'a*' }, 'a'.repeat(5000), 'maybe'],
    [{ min: 1, max: 4 }, 4, 'yes'],
    [{ min: 1, max: 4 }, 5, 'no'],
    [{ max: 4 }, 'many', 'maybe'],
    [{ under: ['/etc/nginx'] }, '/etc/nginx/sites/a.conf', 'yes'],
    [{ under: ['/etc/nginx'] }, '/etc/nginx', 'yes'],
    [{ under: ['/etc/nginx'] }, '/etc/nginx-old/a', 'no'],
    [{ under: ['/etc/nginx'] }, '/etc/nginx/../shadow', 'maybe'],
    [{ under: ['/etc'] }, '/var/../etc/shadow', 'maybe'],
    [{ under: ['/etc'] }, '//etc/shadow', 'maybe'],
    [{ under: ['/etc'] }, './etc', 'maybe'],
    [{ under: ['/'] }, '/anything', 'yes'],
    [{ within: ['10.0.0.0/8'] }, '10.1.2.3', 'yes'],
    [{ within: ['10.0.0.0/8'] }, '::ffff:10.1.2.3', 'yes'],
    [{ within: ['10.0.0.0/8'] }, 'http://10.1.2.3:80/x', 'yes'],
    [{ within: ['10.0.0.0/8'] }, 'http://167838211/', 'yes'],
    [{ within: ['fd00::/8'] }, 'https://[fd00::1]/', 'yes'],
    [{ within: ['10.0.0.0/8'] }, '192.0.2.1', 'no'],
    [{ within: ['10.0.0.0/8'] }, 'intranet', 'maybe'],
  ])('%j, given %p: %s', (condition, value, wanted) => {
    expect<string>(fitOfValue(condition, value)).toBe(wanted)
  })

  test('of a list every value is asked; some fitting is neither yes nor no', () => {
    const of = (...ports: readonly number[]) => fit({ arguments: { ports: { max: 1024 } } }, { ports })
    expect([of(22, 80), of(22, 8080), of(8080)]).toEqual(['yes', 'maybe', 'no'])
  })

  test('one that is not there does not fit; without a call nothing is asked', () => {
    expect(fit({ arguments: { absent: { is: [1] } } }, {})).toBe('no')
    expect(fit({ arguments: { absent: { is: [1] } } })).toBe('open')
    expect(fit({ arguments: { 'set.cores': { max: 4 } } }, { set: { cores: 2 } })).toBe('yes')
    expect(fit({ arguments: { 'set.constructor': { matches: '.*' } } }, { set: {} })).toBe('no')
  })

  test('all that is given must hold', () => {
    expect(fit({ arguments: { a: { is: [1] }, b: { is: [2] } } }, { a: 1, b: 3 })).toBe('no')
    expect(fit({ arguments: { a: { is: [1] }, b: { is: [2] } } }, { a: 1, b: 2 })).toBe('yes')
  })
})

describe('a program', () => {
  const fitOfArgv = (...argv: readonly string[]) =>
    fit({ commands: [{ program: 'systemctl', args: ['status', '[a-z]+'] }, { program: '/usr/bin/df' }] }, { argv })

  test('is known by its name, its arguments one by one', () => {
    expect(fitOfArgv('systemctl', 'status', 'nginx')).toBe('yes')
    expect(fitOfArgv('systemctl', 'status', 'nginx', '--now')).toBe('no')
    expect(fitOfArgv('systemctl', 'stop', 'nginx')).toBe('no')
    expect(fitOfArgv('/usr/bin/df', '-h')).toBe('yes')
    expect(fitOfArgv('rm', '-rf', '/')).toBe('no')
  })

  test('of the same name elsewhere may be the same one', () => {
    expect(fitOfArgv('/opt/bin/systemctl', 'status', 'nginx')).toBe('maybe')
    expect(fitOfArgv('df')).toBe('maybe')
  })
})

test('a guest is known by number, name, tag and pool', () => {
  const guest = { vmid: 101, name: 'db1', tags: ['prod'], pool: 'shop' }
  const named = (...guests: readonly string[]) => fitOf({ guests }, { at: noon, input: {}, guest })
  expect([named('101'), named('db*'), named('tag:prod'), named('pool:shop')]).toEqual(['yes', 'yes', 'yes', 'yes'])
  expect([named('102'), named('web*'), named('tag:dev'), named('pool:x')]).toEqual(['no', 'no', 'no', 'no'])
  expect(fitOf({ guests: ['db1'] }, { at: noon, input: {} })).toBe('open')
  expect(fitOf({ guests: ['db1'] }, { at: noon, input: {}, guest: 'none' })).toBe('maybe')
})

test('what must not hold is the opposite; what cannot be told stays so', () => {
  expect((['yes', 'no', 'maybe', 'open'] as const).map(opposite)).toEqual(['no', 'yes', 'maybe', 'open'])
})

describe('a window of time', () => {
  const office = { days: [1, 2, 3, 4, 5], from: 8 * 60, to: 18 * 60, zone: 'Europe/Berlin' }
  const night = { days: [6], from: 22 * 60, to: 6 * 60, zone: 'UTC' }

  test.each([
    ['2026-01-05T07:00:00Z', true],
    ['2026-01-05T06:59:59Z', false],
    ['2026-01-05T17:00:00Z', false],
    ['2026-01-04T12:00:00Z', false],
    ['2026-07-06T06:00:00Z', true],
    ['2026-07-06T16:00:00Z', false],
  ])('in Berlin at %s: %p, in winter and summer', (at, inside) => {
    expect(isInWindow(office, new Date(at))).toBe(inside)
  })

  test.each([
    ['2026-01-03T22:00:00Z', true],
    ['2026-01-04T05:59:00Z', true],
    ['2026-01-04T06:00:00Z', false],
    ['2026-01-03T05:00:00Z', false],
    ['2026-01-04T23:00:00Z', false],
  ])('over midnight belongs to the day it begins on: %s is %p', (at, inside) => {
    expect(isInWindow(night, new Date(at))).toBe(inside)
  })

  test('from and to alike are the whole day', () => {
    expect(isInWindow({ from: 0, to: 1440, zone: 'UTC' }, noon)).toBe(true)
    expect(isInWindow({ from: 60, to: 60, zone: 'UTC' }, noon)).toBe(true)
  })
})
