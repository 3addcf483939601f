import { expect, test } from 'bun:test'
import type { ApprovalRequest } from '../../src/core/ports.ts'
import { ended, StateWorld, startWorker } from './state-world.ts'

const minute = 60_000

const ask = (more: Partial<ApprovalRequest> = {}): ApprovalRequest => ({
  digest: 'd1',
  tool: 'manage_service',
  caller: 'token:abcd',
  risk: 'write',
  plans: [
    {
      target: 'local',
      plan: {
        summary: 'restart nginx',
        basis: { state: 'active' },
        steps: [{ do: { kind: 'command', argv: ['systemctl', 'restart', 'nginx.service'], asRoot: true } }],
        preview: 'preview',
      },
    },
  ],
  ...more,
})

test('an approval holds the whole plan and comes back as it was kept', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask())
  expect(world.open().approvals.find(id)).toMatchObject({ ...ask(), state: 'pending', decidedBy: undefined })
})

test('the same caller asking for the same open plan gets the same id; another caller does not', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask())
  expect(approvals.request(ask()).id).toBe(id)
  expect(approvals.request(ask({ caller: 'token:other' })).id).not.toBe(id)
  expect(approvals.request(ask({ digest: 'd2' })).id).not.toBe(id)
  expect(approvals.list({ limit: 9 })).toHaveLength(3)
  expect(approvals.list({ limit: 9, caller: 'token:other', state: 'pending' })).toHaveLength(1)
  expect(approvals.list({ limit: 1 })[0]?.digest).toBe('d2')
})

test('a granted approval is used once', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask())
  expect(() => approvals.claim(id, 'd1', 'token:abcd')).toThrow('still waits for a person')
  approvals.decide(id, 'approved', 'cli:0 (root)')
  expect(approvals.find(id)).toMatchObject({ state: 'approved', decidedBy: 'cli:0 (root)' })
  expect(() => approvals.claim(id, 'd2', 'token:abcd')).toThrow('is for another plan')
  expect(() => approvals.claim(id, 'd1', 'token:other')).toThrow('is unknown')
  approvals.claim(id, 'd1', 'token:abcd')
  expect(() => approvals.claim(id, 'd1', 'token:abcd')).toThrow('was used already')
  expect(approvals.request(ask()).id).not.toBe(id)
})

test('what was denied, never was, or is decided already cannot be used or decided', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask())
  approvals.decide(id, 'denied', 'cli:0')
  expect(() => approvals.claim(id, 'd1', 'token:abcd')).toThrow('was denied by cli:0')
  expect(() => approvals.claim('nothing', 'd1', 'token:abcd')).toThrow('is unknown')
  expect(() => approvals.decide(id, 'approved', 'cli:0')).toThrow('no longer pending')
  expect(() => approvals.decide('nothing', 'approved', 'cli:0')).toThrow('there is no approval')
})

test('a plan waits for an hour, and what was granted holds for a quarter of one', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask())
  world.at += 59 * minute
  approvals.decide(id, 'approved', 'cli:0')
  world.at += 14 * minute
  expect(approvals.find(id)?.state).toBe('approved')
  world.at += minute
  expect(() => approvals.claim(id, 'd1', 'token:abcd')).toThrow('expired at')
  const second = approvals.request(ask()).id
  world.at += 60 * minute
  expect(() => approvals.decide(second, 'approved', 'cli:0')).toThrow('expired')
})

test('a clock that goes back revives nothing that was seen expired or used', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask())
  approvals.decide(id, 'approved', 'cli:0')
  world.at += 16 * minute
  expect(approvals.list({ limit: 9, state: 'expired' })).toHaveLength(1)
  world.at -= 10 * minute
  expect(() => world.open().approvals.claim(id, 'd1', 'token:abcd')).toThrow('expired')
})

test('a clock that goes back does not lengthen what is still open', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask())
  approvals.decide(id, 'approved', 'cli:0')
  world.at -= 60 * minute
  expect(() => approvals.claim(id, 'd1', 'token:abcd')).toThrow('expired')
})

test('a caller cannot have a hundred and one plans waiting', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  for (let index = 0; index < 100; index++) approvals.request(ask({ digest: `d${index}` }))
  expect(() => approvals.request(ask({ digest: 'one more' }))).toThrow('already wait')
  approvals.request(ask({ caller: 'token:other' }))
})

test('of two processes that claim at the same moment exactly one wins', async () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask())
  approvals.decide(id, 'approved', 'cli:0')
  const workers = [1, 2].map(() => startWorker(world.dir, 'claim', id, 'd1', String(world.at)))
  const ends = workers.map(ended)
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.stdout.once('data', resolve))))
  for (const worker of workers) worker.stdin.write('go\n')
  const outputs = await Promise.all(ends)
  expect(outputs.filter((output) => output.includes('won'))).toHaveLength(1)
  expect(outputs.filter((output) => output.includes('was used already'))).toHaveLength(1)
}, 20_000)

test('terms of policy name who may approve, and for how long it can be used', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const terms = [{ by: ['cli:0'], forMs: minute }, { by: ['cli:*'] }]
  const { id } = approvals.request(ask({ terms }))
  expect(() => approvals.decide(id, 'approved', 'cli:1000')).toThrow('cli:1000 may not approve')
  approvals.decide(id, 'approved', 'cli:0')
  expect(approvals.find(id)).toMatchObject({ state: 'approved', terms })
  world.at += minute + 1
  expect(() => approvals.claim(id, 'd1', 'token:abcd')).toThrow('expired')
})

test('anybody may deny what only some may approve', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask({ terms: [{ by: ['cli:0'] }] }))
  approvals.decide(id, 'denied', 'cli:1000')
  expect(approvals.find(id)?.state).toBe('denied')
})

test('the same plan on other terms is asked for anew, and what was asked before ends', () => {
  using world = new StateWorld()
  const { approvals } = world.open()
  const { id } = approvals.request(ask())
  approvals.decide(id, 'approved', 'cli:1000')
  const { id: other } = approvals.request(ask({ terms: [{ by: ['cli:0'] }] }))
  expect(other).not.toBe(id)
  expect(approvals.request(ask({ terms: [{ by: ['cli:0'] }] })).id).toBe(other)
  expect(() => approvals.claim(id, 'd1', 'token:abcd')).toThrow('expired')
})
