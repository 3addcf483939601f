import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Target } from '../../src/core/target.ts'
import { call } from '../../src/gateway/call.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import pullImage from '../../src/tools/pull_docker_image.ts'
import { canStartEngines, type DockerEngine, engineContext, startEngine } from '../support/docker-engine.ts'
import { canStartRegistries, type DockerRegistry, startRegistry } from '../support/docker-registry.ts'
import { alice, type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'

setDefaultTimeout(60_000)

describe.skipIf(!canStartEngines || !canStartRegistries)('pull_docker_image on a real engine', () => {
  let engine: DockerEngine
  let registry: DockerRegistry
  let guarded: DockerRegistry
  let world: GatewayWorld
  let digest: string
  beforeAll(async () => {
    engine = await startEngine()
    registry = await startRegistry(engine)
    guarded = await startRegistry(engine, { port: 5006, password: true })
    digest = registry.push('team/app:1', ['CMD ["sleep","1"]'])
  })
  afterAll(async () => {
    await engine.stop()
    await registry.stop()
    await guarded.stop()
  })
  beforeEach(() => {
    world = openGatewayWorld({
      tools: [pullImage],
      policy: { rules: [{ id: 'all', effect: 'allow', risks: ['write'] }] },
    })
  })
  afterEach(async () => {
    await world.stop()
  })

  const app = () => `${registry.address}/team/app`
  const planned = (image: string, registries?: readonly string[]) => {
    const context = engineContext(engine)
    return pullImage.plan({ image }, { ...context, target: { ...context.target, registries } })
  }

  async function pull(image: string, progress?: (message: string) => void): Promise<ChangeResult> {
    const all = world.gateway.targets.all.map((target): Target => ({ ...target, kind: 'docker' }))
    const gateway = { ...world.gateway, targets: { all, executor: () => engine.executor } }
    const signal = AbortSignal.any([])
    const result = await call(gateway, {
      tool: pullImage,
      input: { image },
      caller: alice,
      signal,
      ...(progress && { progress }),
    })
    if (result.kind !== 'change') throw new TypeError('a change answers as one')
    return result
  }

  test('pulls by the digest that the plan shows, tags, says how far it is, and then has nothing to do', async () => {
    const image = `${app()}:1`
    const plan = await planned(image)
    expect(plan.summary).toBe(`pull ${image} (${digest.slice(0, 19)}), not there now`)
    expect(plan.basis).toEqual({ image, digest, tagged: 'absent' })
    const told: string[] = []
    const result = await pull(image, (message) => told.push(message))
    expect(result.targets[0]).toMatchObject({ status: 'done', output: { image, digest, result: 'pulled' } })
    expect(told.join('\n')).toContain('of 1 layers')
    expect(engine.docker('images', '--digests', '--format', '{{.Repository}}:{{.Tag}} {{.Digest}}', app())).toBe(
      `${image} ${digest}\n`,
    )
    expect((await pull(image)).targets[0]?.output).toMatchObject({ image, digest, result: 'already current' })
    engine.docker('rmi', image)
  })

  test('pulls what is named by its digest', async () => {
    const image = `${app()}@${digest}`
    expect((await pull(image)).targets[0]).toMatchObject({ status: 'done', output: { image, digest } })
    expect((await planned(image)).steps).toEqual([])
    engine.docker('rmi', image)
  })

  test.each([
    ['an unknown tag', () => `${app()}:9`, 'not_found', 'the registry has no such image or tag'],
    ['an unknown name', () => `${registry.address}/nothing`, 'not_found', 'the registry has no such image or tag'],
    ['a registry that wants a login', () => `${guarded.address}/app`, 'operation_failed', 'it wants a login'],
    ['no registry', () => '127.0.0.1:5999/app', 'operation_failed', 'the engine does not reach the registry'],
    ['no reference', () => 'App Two', 'invalid_input', 'is no reference to an image'],
  ])('of %s says so', async (_, image, code, message) => {
    await expect(planned(image())).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  test('keeps to the registries that its target allows', async () => {
    expect((await planned(`${app()}:1`, [registry.address])).steps.length).toBe(2)
    await expect(planned(`${app()}:1`, ['docker.io', 'ghcr.io'])).rejects.toMatchObject({
      code: 'denied',
      hint: 'its connection.registries allows docker.io, ghcr.io',
    })
  })

  test('an image that goes between plan and pull is a failure with its reason', async () => {
    const never = AbortSignal.any([])
    const { steps } = await planned(`${app()}:1`)
    const [step] = steps
    if (step?.do.kind !== 'request') throw new TypeError('a pull is a request')
    const gone = { ...step.do, path: step.do.path.replace(/[0-9a-f]{64}$/, 'f'.repeat(64)) }
    const outcome = await engine.executor.perform(gone, { signal: never, timeoutMs: 20_000, maxOutputBytes: 65_536 })
    expect(outcome.ok).toBe(false)
    expect(outcome.errorOutput).toContain('the registry has no such image or tag')
    expect(await engine.executor.reconcile(gone, { at: new Date(), step: 'x' })).toMatchObject({ state: 'failed' })
  })
})
