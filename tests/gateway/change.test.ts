import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { command } from '../../src/core/operation.ts'
import type { Policy } from '../../src/core/policy.ts'
import { defineTool } from '../../src/core/tool.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import { alice, type GatewayWorld, openGatewayWorld, stepsTool, type WorldOptions } from '../support/gateway-world.ts'
import { turn } from '../support/turn.ts'

let world: GatewayWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

const allowAll: Policy = { rules: [{ id: 'all', effect: 'allow' }] }
const open = (options?: WorldOptions) => {
  world = openGatewayWorld(options)
  const file = join(world.dir, 'effects')
  const effects = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
  const change = async (input: Record<string, unknown> = {}, more: Parameters<GatewayWorld['ask']>[2] = {}) => {
    const result = await openWorldOf().ask('append_steps', { file, ...input }, more)
    if (result.kind !== 'change') throw new TypeError('not a change')
    return result
  }
  return { ...world, file, effects, change }
}
const openWorldOf = (): GatewayWorld => {
  if (world === undefined) throw new TypeError('no world')
  return world
}
const states = (result: ChangeResult) => result.targets.map(({ steps }) => steps.map(({ state }) => state).join(' '))

describe('a change', () => {
  test('is only shown by a dry run', async () => {
    const { change, effects, state } = open()
    expect(await change({}, { dryRun: true })).toMatchObject({
      status: 'planned',
      summary: expect.stringContaining('append 3 lines'),
    })
    expect(effects()).toEqual([])
    expect(state.approvals.list({ limit: 10 })).toEqual([])
  })

  test('waits for a person, is done once, and its approval does not work again', async () => {
    const { change, effects, state } = open()
    const asked = await change()
    expect(asked.status).toBe('approval_required')
    const id = asked.approval ?? ''
    await expect(change({}, { approval: id })).rejects.toMatchObject({ code: 'approval_invalid' })
    state.approvals.decide(id, 'approved', 'test')
    expect(await change({}, { approval: id })).toMatchObject({
      status: 'done',
      targets: [{ output: { lines: ['do 0', 'do 1', 'do 2'] } }],
    })
    await expect(change({}, { approval: id })).rejects.toMatchObject({ code: 'approval_invalid' })
    expect(effects()).toEqual(['do 0', 'do 1', 'do 2'])
  })

  test('cannot use the approval of another plan, another caller, or a denied one', async () => {
    const { change, effects, state } = open()
    const { approval = '' } = await change()
    state.approvals.decide(approval, 'approved', 'test')
    await expect(change({ steps: 4 }, { approval })).rejects.toMatchObject({ code: 'world_changed' })
    await expect(change({}, { approval, caller: { ...alice, id: 'token:bob' } })).rejects.toMatchObject({
      code: 'approval_invalid',
    })
    const { approval: second = '' } = await change({ steps: 2 })
    state.approvals.decide(second, 'denied', 'test')
    await expect(change({ steps: 2 }, { approval: second })).rejects.toMatchObject({ code: 'approval_invalid' })
    expect(effects()).toEqual([])
  })

  test('undoes in reverse what was done before a failed step, and reports every undo', async () => {
    const { change, effects } = open({ policy: allowAll })
    const result = await change({ fail: 2 })
    expect(result.status).toBe('failed')
    expect(states(result)).toEqual(['undone undone failed'])
    expect(effects()).toEqual(['do 0', 'do 1', 'do 2', 'undo 1', 'undo 0'])
  })

  test('says what was left when an undo fails', async () => {
    const { change } = open({ policy: allowAll })
    const result = await change({ fail: 2, fail_undo: 0 })
    expect(states(result)).toEqual(['undo_failed undone failed'])
    expect(result.hint).toContain('undo failed')
  })

  test('counts a step whose until does not come true as failed, and takes it back too', async () => {
    const { change, effects } = open({ policy: allowAll })
    const result = await change({ steps: 2, until: 'Plan9' })
    expect(result.status).toBe('failed')
    expect(effects()).toEqual(['do 0', 'do 1', 'undo 1', 'undo 0'])
    expect((await change({ steps: 1, until: 'Linux' })).status).toBe('done')
  })

  test('stops before its next step when its caller goes away, and takes back what was done', async () => {
    const { change, effects } = open({ policy: allowAll })
    const gone = new AbortController()
    const running = change({ ms: 200 }, { signal: gone.signal })
    while (effects().length === 0) await turn()
    gone.abort()
    expect(states(await running)).toEqual(['undone cancelled not_begun'])
    expect(effects()).toEqual(['do 0', 'undo 0'])
  })

  test('with a request_id is done once, and its repetition gets the first one’s end', async () => {
    const { change, effects } = open({ policy: allowAll })
    const [first, joined] = await Promise.all(
      [change({ ms: 50 }, { requestId: 'r1' }), change({ ms: 50 }, { requestId: 'r1' })].map((p) =>
        p.catch((error: unknown) => error),
      ),
    )
    const again = await change({ ms: 50 }, { requestId: 'r1' })
    expect([first, joined, again].map((result) => Reflect.get(Object(result), 'status'))).toEqual([
      'done',
      'done',
      'done',
    ])
    expect(effects()).toEqual(['do 0', 'do 1', 'do 2'])
    await expect(change({ ms: 51 }, { requestId: 'r1' })).rejects.toMatchObject({ code: 'invalid_input' })
    expect((await change({ ms: 50 }, { requestId: 'r1', caller: { ...alice, id: 'token:bob' } })).status).toBe('done')
    expect(effects()).toHaveLength(6)
  })

  test('waits until another change of the same target has ended', async () => {
    const { change, effects } = open({ policy: allowAll })
    await Promise.all([change({ ms: 20 }), change({ ms: 20 })])
    expect(effects()).toEqual(['do 0', 'do 1', 'do 2', 'do 0', 'do 1', 'do 2'])
  })

  test('writes one durable record before and after each step', async () => {
    const { change, state } = open({ policy: allowAll })
    await change({ fail: 1 })
    const events = state.audit
      .tail({ limit: 50 })
      .filter(({ event }) => event !== 'step_ref')
      .map(({ event, step }) =>
        step === undefined ? event : `${event} ${step.phase} ${step.index} ${step.end ?? ''}`.trim(),
      )
    expect(events).toEqual([
      'started',
      'step_started do 0',
      'step_ended do 0 done',
      'step_started do 1',
      'step_ended do 1 failed',
      'step_started undo 0',
      'step_ended undo 0 done',
      'finished',
    ])
    expect(state.audit.verify()).toMatchObject({ ok: true })
  })

  test('on many targets refuses the whole when one denies, before anything is done', async () => {
    const { change, effects } = open({ policy: { rules: [{ id: 'none', effect: 'deny' }] }, targets: ['a', 'b'] })
    await expect(change({}, { targets: ['all'] })).rejects.toMatchObject({ code: 'denied' })
    expect(effects()).toEqual([])
  })

  test('on many targets stops after the first failure and says what was left alone', async () => {
    const { change } = open({ policy: allowAll, targets: ['a', 'b', 'c'] })
    const result = await change({ steps: 1, fail: 0 }, { targets: ['all'] })
    expect(result.targets.map(({ target, status }) => `${target} ${status}`)).toEqual([
      'a failed',
      'b cancelled',
      'c cancelled',
    ])
    const both = await change({ steps: 1, fail: 0 }, { targets: ['all'], batch: { size: 2, max_failures: 3 } })
    expect(both.targets.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed'])
  })

  test('is refused when the world changed between plan and performance', async () => {
    let planned = 0
    const moody = defineTool({
      ...stepsTool,
      name: 'append_steps',
      input: z.object({ file: z.string() }),
      plan: async ({ file }) => ({
        summary: 's',
        basis: { planned: planned++ < 1 ? 'old' : 'new' },
        steps: [{ do: { kind: 'command', argv: ['touch', '--', file] } }],
      }),
    })
    const { change, effects } = open({ policy: allowAll, tools: [moody] })
    const result = await change()
    expect(result).toMatchObject({ status: 'failed', hint: expect.stringContaining('planned was "old", is "new"') })
    expect(effects()).toEqual([])
  })

  test('of which every step only reads needs no approval and no started record', async () => {
    const reads = defineTool({
      ...stepsTool,
      input: z.object({ file: z.string() }),
      plan: async () => ({ summary: 'look', basis: {}, steps: [{ do: command(['uname', '-s']) }] }),
    })
    const { change, state } = open({ tools: [reads] })
    expect(await change()).toMatchObject({ status: 'done', targets: [{ output: { lines: ['Linux'] } }] })
    expect(state.audit.tail({ limit: 10 }).map(({ event }) => event)).toEqual(['finished'])
  })
})

describe('a query', () => {
  test('is refused unless the target grants and the caller holds, and the refusal is audited', async () => {
    const { ask, state } = open({ capabilities: [] })
    await expect(ask('look')).rejects.toMatchObject({ code: 'denied' })
    expect(state.audit.tail({ limit: 1 })).toMatchObject([
      { event: 'finished', result: 'denied', caller: 'token:alice' },
    ])
  })

  test('cannot write', async () => {
    const sly = defineTool({
      name: 'look',
      description: '',
      capability: 'system:read',
      risk: 'read' as const,
      targets: ['local'] as const,
      input: z.object({}),
      output: z.object({ ok: z.boolean() }),
      run: async (_input, { read }) => read({ kind: 'command', argv: ['touch', '/tmp/never'] }),
    })
    const { ask } = open({ tools: [sly] })
    await expect(ask('look')).rejects.toMatchObject({ code: 'internal' })
  })

  test('refuses unknown arguments with the nearest known one', async () => {
    const { ask } = open()
    await expect(ask('look', { wrod: 'x' })).rejects.toMatchObject({
      code: 'invalid_input',
      hint: 'did you mean word?',
    })
    await expect(ask('look', { word: 7 })).rejects.toMatchObject({ code: 'invalid_input' })
  })
})
