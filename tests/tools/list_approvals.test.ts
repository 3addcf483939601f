import { afterEach, describe, expect, test } from 'bun:test'
import { capabilities } from '../../src/core/capability.ts'
import { movedClock } from '../support/moved-clock.ts'
import { type OwnToolsWorld, openOwnToolsWorld } from '../support/own-tools-world.ts'

let world: OwnToolsWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

async function open() {
  const clock = movedClock()
  const opened = openOwnToolsWorld({ clock })
  world = opened
  const asked = await opened.ask('append_steps', { file: `${opened.dir}/effects`, steps: 2 })
  return { ...opened, clock, id: asked.kind === 'change' ? (asked.approval ?? '') : '' }
}

describe('list_approvals', () => {
  test('shows what waits: id, tool, targets, summary, and how long it still may', async () => {
    const { answer, clock, id, dir } = await open()
    clock.advance(90_000)
    const { approvals } = await answer('list_approvals')
    expect(approvals).toEqual([
      {
        id,
        state: 'pending',
        tool: 'append_steps',
        targets: 'local',
        summary: `append 2 lines to ${dir}/effects`,
        asked: '1m ago',
        ends_in: expect.stringMatching(/^\d+m$/),
      },
    ])
  })

  test('shows who decided, and finds by state', async () => {
    const { answer, state, id } = await open()
    state.approvals.decide(id, 'denied', 'cli:0 (root)')
    expect(await answer('list_approvals', { state: 'pending' })).toEqual({ approvals: [] })
    expect(await answer('list_approvals', { state: 'denied' })).toMatchObject({
      approvals: [{ id, state: 'denied', decided_by: 'cli:0 (root)' }],
    })
  })

  test('shows no one else’s, however the caller is spelled', async () => {
    const { answer } = await open()
    for (const id of ['token:bob', 'token:alice&caller=token:alice', 'token:alice%00', ''])
      expect(await answer('list_approvals', {}, { id, scopes: capabilities })).toEqual({ approvals: [] })
  })
})
