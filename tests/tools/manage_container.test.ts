import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { effectOf } from '../../src/core/effect.ts'
import type { Target } from '../../src/core/target.ts'
import { call } from '../../src/gateway/call.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { plainJson } from '../../src/lib/json.ts'
import manageContainer from '../../src/tools/manage_container.ts'
import { canStartEngines, type DockerEngine, engineContext, startEngine } from '../support/docker-engine.ts'
import { alice, type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'
import { replayContext } from '../support/shell-context.ts'

const id = 'ccfe4cb0786d8c436e25c00561d28e0d811cecbe7fccec3a3891c792df6ce8b8'

/** An inspected container, as the engine gives it. */
const recorded = (state: object = {}, hostConfig: object = {}) =>
  replayContext(
    JSON.stringify({
      Id: id,
      Name: '/web',
      Image: 'sha256:1',
      State: {
        Status: 'running',
        Running: true,
        Paused: false,
        StartedAt: '2026-11-21T08:00:00Z',
        FinishedAt: '0001-01-01T00:00:00Z',
        ExitCode: 0,
        ...state,
      },
      Config: { Image: 'tiny:1' },
      HostConfig: hostConfig,
    }),
  )

const ended = { Status: 'exited', Running: false, ExitCode: 137, FinishedAt: '2026-11-21T09:00:00Z' }
const paused = { Status: 'paused', Paused: true }

const plan = (action: string, context = recorded(), more: object = {}) =>
  manageContainer.plan(manageContainer.input.parse({ container: 'web', action, ...more }), context)

describe('a plan of manage_container', () => {
  test('names the container, what it relies on, the request and the way back', async () => {
    const request = { kind: 'request', method: 'POST', timeoutMs: 35_000 }
    expect(plainJson(await plan('stop', recorded(), { timeout_s: 5 }))).toEqual({
      summary: 'stop web (tiny:1, now running)',
      basis: { id, name: 'web', state: 'running', image: 'sha256:1' },
      steps: [
        {
          do: { ...request, path: `/containers/${id}/stop?t=5` },
          undo: { ...request, path: `/containers/${id}/start` },
          until: {
            read: { kind: 'request', method: 'GET', path: `/containers/${id}/json` },
            path: 'body.State.Running',
            equals: false,
            withinMs: 10_000,
          },
        },
      ],
    })
  })

  test.each(['stop', 'restart', 'pause', 'kill'])('to %s counts as a write', async (action) => {
    const { steps } = await plan(action)
    expect(steps[0] && effectOf(steps[0].do)).toBe('write')
  })

  test('that changes nothing has no steps', async () => {
    expect(await plan('start')).toMatchObject({ summary: 'web is already running', steps: [] })
    expect(await plan('stop', recorded(ended))).toMatchObject({ summary: 'web is already exited', steps: [] })
    const idle = await plan('pause', recorded(paused))
    expect(manageContainer.report(idle, [])).toEqual({ container: 'web', state: 'paused' })
  })

  test('has the way back that there is', async () => {
    const undoOf = async (action: string, state: object = {}) => (await plan(action, recorded(state))).steps[0]?.undo
    expect(await undoOf('start', ended)).toMatchObject({ path: `/containers/${id}/stop?t=10` })
    expect(await undoOf('kill')).toMatchObject({ path: `/containers/${id}/start` })
    expect(await undoOf('unpause', paused)).toMatchObject({ path: `/containers/${id}/pause` })
    expect(await undoOf('restart')).toBeUndefined()
    expect(await undoOf('restart', ended)).toMatchObject({ path: `/containers/${id}/stop?t=10` })
  })

  test('says that a container with --rm goes with its end, and waits for that', async () => {
    const { summary, steps } = await plan('kill', recorded({}, { AutoRemove: true }))
    expect(summary).toEndWith('; it is removed when it ends (--rm)')
    expect(steps[0]?.undo).toBeUndefined()
    expect(steps[0]?.until).toMatchObject({ path: 'status', equals: 404 })
  })

  test('looks a second time after a start or restart, since some die at once', async () => {
    const { steps } = await plan('restart')
    expect(steps.map((step) => step.do)).toMatchObject([
      { path: `/containers/${id}/restart?t=10` },
      { method: 'GET', path: `/containers/${id}/stats?stream=false` },
    ])
  })

  test('does not expect of a job that it stays', async () => {
    const job = { ...ended, ExitCode: 0, FinishedAt: '2026-11-21T08:00:01Z' }
    expect((await plan('start', recorded(job))).steps[0]?.until).toBeUndefined()
    expect((await plan('start', recorded(ended))).steps[0]?.until).toMatchObject({ equals: true })
  })

  test.each([
    ['start', paused, 'cannot start web: it is paused'],
    ['unpause', {}, 'cannot unpause web: it is running'],
    ['pause', ended, 'cannot pause web: it is exited'],
  ])('to %s is refused where it cannot be', async (action, state, message) => {
    await expect(plan(action, recorded(state))).rejects.toMatchObject({ code: 'invalid_input', message })
  })
})

describe.skipIf(!canStartEngines)('manage_container on a real engine', () => {
  let engine: DockerEngine
  let world: GatewayWorld
  beforeAll(async () => {
    engine = await startEngine()
    engine.run('web', [], ['sleep', '100000'])
    engine.run('brief', ['--rm'], ['sleep', '100000'])
    engine.docker('create', '--name', 'dies', 'tiny:1', 'sh', '-c', 'sleep 0.5; exit 1')
  }, 60_000)
  afterAll(async () => {
    await engine.stop()
  }, 60_000)
  beforeEach(() => {
    world = openGatewayWorld({
      tools: [manageContainer],
      policy: { rules: [{ id: 'all', effect: 'allow', risks: ['write'] }] },
      // Waiting until a container has settled takes 1 s instead of 10.
      clock: { ...systemClock, elapsedMs: () => systemClock.elapsedMs() * 10 },
    })
  })
  afterEach(async () => {
    await world.stop()
  })

  async function manage(container: string, action: string): Promise<ChangeResult> {
    const all = world.gateway.targets.all.map((target): Target => ({ ...target, kind: 'docker' }))
    const gateway = { ...world.gateway, targets: { all, executor: () => engine.executor } }
    const input = { container, action, timeout_s: 0 }
    const result = await call(gateway, { tool: manageContainer, input, caller: alice, signal: AbortSignal.any([]) })
    if (result.kind !== 'change') throw new TypeError('a change answers as one')
    return result
  }

  const status = (name: string) => engine.docker('inspect', '--format', '{{.State.Status}}', name).trim()

  test.each([
    ['pause', 'paused'],
    ['unpause', 'running'],
    ['restart', 'running'],
    ['kill', 'exited'],
    ['start', 'running'],
    ['stop', 'exited'],
  ])('does %s, and says how the container is then', async (action, state) => {
    expect((await manage('web', action)).targets[0]).toMatchObject({
      status: 'done',
      output: { container: 'web', state },
    })
    expect(status('web')).toBe(state)
  })

  test('does not call a container started that dies at once', async () => {
    const result = await manage('dies', 'start')
    expect(result.status).toBe('failed')
    expect(result.targets[0]?.steps.map(({ note }) => note).join()).toContain('did not become true')
    expect(status('dies')).toBe('exited')
  }, 20_000)

  test('sees that a container with --rm is gone', async () => {
    expect((await manage('brief', 'stop')).status).toBe('done')
    expect(() => status('brief')).toThrow('No such')
  })

  test('names one that is near when there is none of that name', async () => {
    const planned = manageContainer.plan({ container: 'wbe', action: 'stop', timeout_s: 1 }, engineContext(engine))
    await expect(planned).rejects.toMatchObject({ code: 'not_found', hint: 'did you mean web?' })
  })
})
