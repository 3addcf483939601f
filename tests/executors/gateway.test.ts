import { describe, expect, test } from 'bun:test'
import { command, get, post } from '../../src/core/operation.ts'
import { defaultPolicy } from '../../src/core/policy.ts'
import { openContacts } from '../../src/executors/contacts.ts'
import { openGatewayTarget } from '../../src/executors/gateway.ts'
import { answerOfJob } from '../../src/gateway/wait-for-end.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'
import { executorConformance } from './conformance.ts'

/** The target `gateway` over a real gateway; `waiting` counts who waits for a job. */
function targetOf(world: GatewayWorld) {
  const waiting = { count: 0 }
  const { gateway, state } = world
  const executor = openGatewayTarget({
    targets: gateway.targets.all,
    tools: gateway.tools,
    policy: defaultPolicy,
    approvals: state.approvals,
    audit: state.audit,
    outputs: state.outputs,
    contacts: openContacts(systemClock),
    clock: systemClock,
    async job(id, withinMs, signal) {
      waiting.count++
      // The journal knows no `endless`: a wait that ends with its signal stands for it.
      const found = id === 'endless' ? systemClock.sleep(60_000, signal).catch(() => undefined) : undefined
      await found
      waiting.count--
      return answerOfJob(gateway, id, { withinMs, signal })
    },
    cancel: (id) => gateway.jobs.cancel(id),
    health: () => ({ ok: true }),
    fleet: state.fleet,
    discover: async () => [],
  })
  return { executor, waiting }
}

executorConformance('gateway', async () => {
  const world = openGatewayWorld()
  const { executor, waiting } = targetOf(world)
  return {
    executor,
    read: { operation: get('/targets'), output: '"id":"local"' },
    refused: { operation: get('/outputs/none'), status: 404 },
    endless: get('/jobs/endless?wait_ms=60000'),
    isWorking: () => waiting.count > 0,
    foreign: command(['true']),
    close: () => world.stop(),
  }
})

describe('paths of the gateway', () => {
  const limits = { signal: new AbortController().signal, timeoutMs: 1000, maxOutputBytes: 1024 * 1024 }
  test('what nobody knows is 404, whatever its encoding', async () => {
    const world = openGatewayWorld()
    const { executor } = targetOf(world)
    for (const path of [
      '/',
      '/nothing',
      '/targets/x',
      '/jobs',
      '/outputs/..%2f..%2fetc',
      '/jobs/x/y',
      '/outputs/%zz',
      '/outputs/x/y/z',
      '/targets/',
      '/constructor',
      '/__proto__',
    ])
      expect((await executor.perform(get(path), limits)).status).toBe(404)
    for (const path of ['/targets', '/jobs/x/cancel/y', '/jobs//cancel/'])
      expect((await executor.perform(post(path), limits)).status).toBe(404)
    await world.stop()
  })
})
