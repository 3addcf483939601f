import { expect, test } from 'bun:test'
import listTargets from '../../src/tools/list_targets.ts'
import { replayContext } from '../support/shell-context.ts'

const target = (id: string, kind: string, more: object = {}) => ({
  id,
  kind,
  tags: [],
  capabilities: ['system:read'],
  ...more,
})

const guests = Array.from({ length: 300 }, (_, index) =>
  target(`pve:${index % 2 === 0 ? 'home' : 'work'}/${100 + index}`, 'guest', {
    alias: `web-${index}`,
    cluster: index % 2 === 0 ? 'home' : 'work',
  }),
)
const context = {
  ...replayContext(JSON.stringify([target('local', 'local'), ...guests])),
  caller: { id: 'cli:0', scopes: ['system:read'] },
} as const

test('discovered guests are counted, not listed, until they are asked for', async () => {
  const { targets, guests: left } = await listTargets.run({}, context)
  expect(targets.map(({ id }) => id)).toEqual(['local'])
  expect(left).toBe('300 on home, work: kind: guest, or text, lists them')
})

test('guests are found by a part of their name, and listed with it', async () => {
  const { targets } = await listTargets.run({ text: 'web-29' }, context)
  expect(targets).toHaveLength(11)
  expect(targets[0]).toMatchObject({ id: 'pve:work/129', name: 'web-29', kind: 'guest', can: 'system:read' })
})

test('of many only the first are listed, and the rest is counted', async () => {
  const { targets, left_out } = await listTargets.run({ kind: 'guest' }, context)
  expect([targets.length, left_out]).toEqual([200, 100])
})
