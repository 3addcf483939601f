import { describe, expect, test } from 'bun:test'
import type { Context } from '../../src/core/context.ts'
import { effectOf } from '../../src/core/effect.ts'
import type { Outcome } from '../../src/core/operation.ts'
import { defaultConstraints } from '../../src/core/target.ts'
import runDiscovery from '../../src/tools/run_discovery.ts'

const outcome = (body: object): Outcome => ({
  ok: true,
  status: 200,
  output: JSON.stringify(body),
  errorOutput: '',
  truncated: false,
  durationMs: 1,
})

const target = (id: string, kind: string) => ({ id, kind, tags: [], capabilities: [] })
const context: Context = {
  caller: { id: 'test', scopes: [] },
  target: { id: 'gateway', kind: 'gateway', tags: [], capabilities: [], constraints: defaultConstraints },
  signal: new AbortController().signal,
  now: new Date(),
  read: async () => outcome([target('gateway', 'gateway'), target('home', 'proxmox'), target('office', 'proxmox')]),
  remembered: () => ({ seenAt: undefined, resources: [] }),
  progress: () => undefined,
}

describe('run_discovery', () => {
  test('plans one step that changes no target, with time enough', async () => {
    const { steps } = await runDiscovery.plan({ clusters: ['office', 'home', 'home'] }, context)
    expect(steps.map(({ do: step }) => step)).toMatchObject([
      { method: 'POST', path: 'gateway:/discovery?source=home&source=office', timeoutMs: 300_000 },
    ])
    expect(steps.map(({ do: step }) => effectOf(step))).toEqual(['read'])
    const everything = await runDiscovery.plan({}, context)
    expect(everything.steps[0]?.do).toMatchObject({ path: 'gateway:/discovery' })
  })

  test('a name that there is not is an error with the nearest', async () => {
    await expect(runDiscovery.plan({ clusters: ['ofice'] }, context)).rejects.toMatchObject({
      code: 'not_found',
      hint: 'did you mean office?',
    })
  })

  test('tells per source what changed, what could not be seen, and what failed', async () => {
    const plan = await runDiscovery.plan({}, context)
    const looks = [
      { source: 'home', changes: 3, gaps: ['quorum: denied', 'addresses: denied'] },
      { source: 'office', changes: 0, gaps: [], error: 'timeout: no end' },
    ]
    expect(runDiscovery.report(plan, [outcome(looks)])).toEqual({
      looks: [
        { source: 'home', changes: 3, gaps: 'quorum: denied; addresses: denied' },
        { source: 'office', changes: 0, error: 'timeout: no end', gaps: '' },
      ],
    })
  })

  test('what is not watched is said', async () => {
    const plan = await runDiscovery.plan({ clusters: ['home'] }, context)
    expect(runDiscovery.report(plan, [outcome([])])).toMatchObject({ note: expect.stringContaining('not watched') })
    const all = await runDiscovery.plan({}, context)
    expect(runDiscovery.report(all, [outcome([])])).toMatchObject({
      note: expect.stringContaining('nothing is watched'),
    })
  })
})
