import { expect, test } from 'bun:test'
import type { JobStep, NewJob } from '../../src/core/ports.ts'
import { StateWorld } from './state-world.ts'

const hour = 3_600_000

const job = (world: StateWorld, more: Partial<NewJob> = {}): NewJob => ({
  id: 'j1',
  caller: 'token:abcd',
  tool: 'write_file',
  input: { path: '/etc/motd' },
  requestId: 'r1',
  requestDigest: 'x',
  plans: [
    {
      target: 'local',
      plan: { summary: 's', basis: {}, steps: [{ do: { kind: 'script', name: 'write/file', args: ['a'] } }] },
    },
  ],
  startedAt: new Date(world.at),
  ...more,
})

const step = (world: StateWorld, more: Partial<JobStep> = {}): JobStep => ({
  target: 'local',
  index: 0,
  phase: 'do',
  state: 'running',
  at: new Date(world.at),
  ...more,
})

const outcome = { ok: true, status: 0, output: 'o', errorOutput: '', truncated: false, durationMs: 4 }

test('a job is remembered with how each step stands, in order, and its end', () => {
  using world = new StateWorld()
  const { journal } = world.open()
  journal.open(job(world))
  journal.step('j1', step(world))
  journal.step('j1', step(world, { ref: 'UPID:1' }))
  journal.step('j1', step(world, { state: 'done', outcome }))
  journal.step('j1', step(world, { index: 1, note: 'n' }))
  const found = world.open('p2').journal.find('j1')
  expect(found).toMatchObject(job(world))
  expect(found?.end).toBeUndefined()
  expect(found?.steps).toEqual([
    step(world, { state: 'done', ref: 'UPID:1', outcome, note: undefined }),
    step(world, { index: 1, note: 'n', ref: undefined, outcome: undefined }),
  ])
  const end = { status: 'done', at: new Date(world.at), result: { a: [1] } } as const
  journal.finish('j1', end)
  expect(journal.find('j1')?.end).toEqual(end)
  expect(() => journal.finish('j1', end)).toThrow('is not open')
  expect(journal.find('j2')).toBeUndefined()
})

test('a request id belongs to one call of its caller for a day', () => {
  using world = new StateWorld()
  const { journal } = world.open()
  journal.open(job(world))
  expect(journal.findRequest('token:abcd', 'r1')?.id).toBe('j1')
  expect(journal.findRequest('token:other', 'r1')).toBeUndefined()
  expect(() => journal.open(job(world, { id: 'j2', requestDigest: 'y' }))).toThrow('was used for another call')
  expect(() => journal.open(job(world, { id: 'j2' }))).toThrow('is already job j1')
  journal.open(job(world, { id: 'j3', caller: 'token:other', requestDigest: 'y' }))
  world.at += 24 * hour
  expect(journal.findRequest('token:abcd', 'r1')).toBeUndefined()
  journal.open(job(world, { id: 'j4', requestDigest: 'y' }))
})

test('finished jobs are kept for a week, open ones until they end', () => {
  using world = new StateWorld()
  const { journal } = world.open()
  journal.open(job(world))
  journal.open(job(world, { id: 'open', requestId: undefined }))
  journal.step('j1', step(world))
  journal.finish('j1', { status: 'done', at: new Date(world.at), result: null })
  world.at += 7 * 24 * hour
  journal.open(job(world, { id: 'j2', requestId: undefined }))
  expect(journal.find('j1')).toBeDefined()
  world.at += 1
  journal.open(job(world, { id: 'j3', requestId: undefined }))
  expect(journal.find('j1')).toBeUndefined()
  expect(journal.find('open')).toBeDefined()
})

test('an unfinished job of a dead process is adopted by one process only', () => {
  using world = new StateWorld()
  world.open('dead').journal.open(job(world))
  const lost = world.open('dead').journal
  world.open('alive').journal.open(job(world, { id: 'j2', requestId: undefined }))
  for (const id of ['alive', 'p2', 'p3']) world.alive.add(id)
  const second = world.open('p2').journal
  const third = world.open('p3').journal
  expect(second.adoptOrphans().map(({ id }) => id)).toEqual(['j1'])
  expect(third.adoptOrphans()).toEqual([])
  expect(() => lost.step('j1', step(world))).toThrow('was taken over by process p2')
  second.finish('j1', { status: 'unknown', at: new Date(world.at), result: null })
})
