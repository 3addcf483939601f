import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Target } from '../../src/core/target.ts'
import { call } from '../../src/gateway/call.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { parseJson } from '../../src/lib/json.ts'
import updateContainer from '../../src/tools/update_docker_container.ts'
import { canStartEngines, type DockerEngine, engineContext, startEngine } from '../support/docker-engine.ts'
import { canStartRegistries, type DockerRegistry, startRegistry } from '../support/docker-registry.ts'
import { alice, type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'

setDefaultTimeout(90_000)

const asked = (input: object) => updateContainer.input.parse(input)

describe.skipIf(!canStartEngines || !canStartRegistries)('update_docker_container on a real engine', () => {
  let engine: DockerEngine
  let registry: DockerRegistry
  let world: GatewayWorld
  let app: string
  /** Digests of app: the one that containers start with, and newer ones. */
  let digests: Readonly<Record<'first' | 'good' | 'ill' | 'crash', string>>

  beforeAll(async () => {
    engine = await startEngine()
    registry = await startRegistry(engine)
    app = `${registry.address}/app`
    const base = ['ENV FROM_IMAGE=1', 'LABEL kind=one', 'CMD ["sleep","100000"]', 'VOLUME /nameless', 'EXPOSE 80']
    const next = ['ENV FROM_IMAGE=2', 'LABEL kind=two', 'CMD ["sleep","200000"]', 'VOLUME /nameless', 'EXPOSE 80']
    const check = (command: string) => `HEALTHCHECK --interval=1s --timeout=5s --retries=2 CMD ${command}`
    digests = {
      first: registry.push('app:first', base),
      good: registry.push('app:good', next),
      ill: registry.push('app:ill', [...next, check('exit 1')]),
      crash: registry.push('app:crash', [...base, 'CMD ["sh","-c","exit 3"]']),
    }
  }, 60_000)
  afterAll(async () => {
    await engine.stop()
    await registry.stop()
  }, 60_000)
  beforeEach(() => {
    world = openGatewayWorld({
      tools: [updateContainer],
      policy: { rules: [{ id: 'all', effect: 'allow', risks: ['write', 'destructive'] }] },
      // Waiting until a container is well takes 2 s instead of 10.
      clock: { ...systemClock, elapsedMs: () => systemClock.elapsedMs() * 5 },
    })
  })
  afterEach(async () => {
    await world.stop()
    const ids = engine.docker('ps', '--all', '--quiet').split('\n').filter(Boolean)
    if (ids.length > 0) engine.docker('rm', '--force', '--volumes', ...ids)
    const images = engine.docker('images', '--quiet', '--no-trunc', '--filter', `reference=${app}`).split('\n')
    const old = [...new Set(images)].filter(Boolean)
    if (old.length > 0) engine.docker('rmi', '--force', ...old)
  })

  /** app:live in the registry becomes this version. */
  function publish(version: keyof typeof digests): void {
    const pinned = `${app}@${digests[version]}`
    engine.docker('pull', '--quiet', pinned)
    engine.docker('tag', pinned, `${app}:live`)
    engine.docker('push', `${app}:live`)
    engine.docker('rmi', `${app}:live`)
  }

  /** A container of app:live, which is the first version; then the newest one is published. */
  function runOld(options: readonly string[], command: readonly string[], newest: keyof typeof digests): void {
    publish('first')
    engine.docker('run', '--detach', '--name', 'web', '--stop-timeout', '1', ...options, `${app}:live`, ...command)
    publish(newest)
  }

  async function update(input: object = {}): Promise<ChangeResult> {
    const all = world.gateway.targets.all.map((target): Target => ({ ...target, kind: 'docker' }))
    const gateway = { ...world.gateway, targets: { all, executor: () => engine.executor } }
    const given = { container: 'web', ...input }
    const never = AbortSignal.any([])
    const result = await call(gateway, { tool: updateContainer, input: given, caller: alice, signal: never })
    if (result.kind !== 'change') throw new TypeError('a change answers as one')
    return result
  }

  const planned = (input: object = {}) =>
    updateContainer.plan(asked({ container: 'web', ...input }), engineContext(engine))

  const inspect = (format: string, name = 'web') => engine.docker('inspect', '--format', format, name).trim()
  const names = () => engine.docker('ps', '--all', '--format', '{{.Names}} {{.State}}').trim().split('\n').sort()
  const notes = (result: ChangeResult) =>
    result.targets.flatMap(({ steps }) => steps.flatMap(({ note }) => note ?? [])).join()

  test('keeps all settings of the container and takes from the new image what the image supplies', async () => {
    engine.docker('network', 'create', 'front')
    engine.docker('network', 'create', '--subnet', '172.31.9.0/24', 'back')
    const folder = join(engine.dir, 'bound')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'file'), 'bound')
    const options = `--label own=yes --entrypoint /bin/sh --user 7:8 --cap-add NET_ADMIN --cap-drop MKNOD --device /dev/null:/dev/nil
      --health-cmd true --health-interval 1s --health-retries 3 --network front --network-alias www --memory 64m --cpus 0.5
      --pids-limit 50 --volume ${folder}:/bound:ro --volume named:/named --restart always --log-opt max-size=1m --env OWN=1
      --publish 127.0.0.1:8088:80 --hostname web.lan --stop-signal KILL --stop-timeout 3 --sysctl net.core.somaxconn=99
      --ulimit nofile=99:99 --tmpfs /scratch:size=1m --init --security-opt no-new-privileges --add-host db:10.0.0.1
      --dns 10.0.0.2 --group-add 9 --shm-size 8m --read-only --workdir /tmp --mount type=volume,target=/unnamed`
    runOld(options.trim().split(/\s+/), ['-c', 'sleep 100000'], 'good')
    engine.docker('network', 'connect', '--alias', 'hind', '--ip', '172.31.9.77', 'back', 'web')
    const before = settings('web')

    const result = await update()

    expect(notes(result)).toBe('')
    expect(result.status).toBe('done')
    const after = settings('web')
    expect(after).toEqual({
      ...before,
      Config: { ...before.Config, Env: expect.anything(), Labels: { own: 'yes', kind: 'two' } },
    })
    expect([...(after.Config['Env'] as string[])].sort()).toEqual(['FROM_IMAGE=2', 'OWN=1', 'PATH=/bin'])
    expect(inspect('{{.State.Health.Status}}')).toBe('healthy')
    expect(names()).toEqual(['web running', 'web.tailops-previous exited'])
    expect(inspect('{{.HostConfig.RestartPolicy.Name}}', 'web.tailops-previous')).toBe('no')
  })

  const inspected = z.array(
    z.object({
      Id: z.string(),
      Config: z.record(z.string(), z.unknown()),
      HostConfig: z.record(z.string(), z.unknown()),
      Mounts: z.array(z.looseObject({ Destination: z.string() })),
      NetworkSettings: z.object({ Networks: z.record(z.string(), z.looseObject({ Aliases: z.array(z.string()) })) }),
    }),
  )

  /** What the engine itself says of a container, without what differs between two that are alike. */
  function settings(name: string) {
    const [found] = inspected.parse(parseJson(engine.docker('inspect', name)))
    if (found === undefined) throw new TypeError(`${name} was not inspected`)
    const { Mounts, ...host } = found.HostConfig
    const networks = Object.entries(found.NetworkSettings.Networks).map(([network, { Aliases, IPAMConfig }]) => ({
      network,
      aliases: Aliases.filter((alias) => alias !== found.Id.slice(0, 12)),
      ipam: IPAMConfig ?? {},
    }))
    // By its name a volume is labelled for SELinux as well (`z`).
    const labelled = found.Mounts.map((mount) => (mount['Type'] === 'volume' ? { ...mount, Mode: 'z' } : mount))
    const mounts = labelled.sort((a, b) => (a.Destination < b.Destination ? -1 : 1))
    // A volume without a name is kept by the name that the engine gave it.
    const { Volumes, Image, ...config } = found.Config
    return {
      Config: config,
      HostConfig: host,
      mounts,
      networks: networks.sort((a, b) => (a.network < b.network ? -1 : 1)),
    }
  }

  test('leaves command, volumes and ports to the new image where the old one supplied them', async () => {
    runOld([], [], 'good')
    const volume = inspect('{{range .Mounts}}{{.Name}}{{end}}')
    expect((await update()).status).toBe('done')
    expect(inspect('{{json .Config.Cmd}} {{json .Config.ExposedPorts}}')).toBe('["sleep","200000"] {"80/tcp":{}}')
    expect(inspect('{{range .Mounts}}{{.Name}}{{end}}')).toBe(volume)
    expect(inspect('{{.Config.Hostname}}')).toBe(inspect('{{.Id}}').slice(0, 12))
    expect((await planned()).steps).toEqual([])
    expect((await update()).targets[0]?.output).toMatchObject({ result: 'already current' })
  })

  test('a second update replaces the container that the first one kept', async () => {
    runOld([], [], 'good')
    expect((await update()).status).toBe('done')
    const kept = inspect('{{.Id}}')
    expect((await update({ image: `${app}@${digests.first}` })).status).toBe('done')
    expect(names()).toEqual(['web running', 'web.tailops-previous exited'])
    expect(inspect('{{.Id}}', 'web.tailops-previous')).toBe(kept)
  })

  test('the way back that it names leads back', async () => {
    runOld(['--restart', 'always'], [], 'good')
    const old = inspect('{{.Id}}')
    const output = z.object({ way_back: z.string() }).parse((await update()).targets[0]?.output)
    for (const line of output.way_back.split(' && ')) engine.docker(...line.split(' ').slice(1))
    expect(inspect('{{.Id}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}}')).toBe(`${old} running always`)
    expect(names()).toEqual(['web running'])
  })

  const health = ['--health-interval', '1s', '--health-retries', '1', '--health-timeout', '1s'] as const

  test.each([
    ['fails its health check', 'good', ['--health-cmd', 'test $FROM_IMAGE = 1', ...health]],
    ['crashes', 'crash', []],
    ['crashes and is started again', 'crash', ['--restart', 'always']],
  ] as const)('an image that %s leaves the old one running, and nothing else', async (_, version, options) => {
    runOld(options, [], version)
    const [old, tag] = [inspect('{{.Id}}'), inspect('{{.Image}}')]
    const images = engine.docker('images', '--all', '--quiet', '--digests').split('\n').sort()
    const result = await update()
    expect(result.status).toBe('failed')
    expect(notes(result)).toContain('did not become')
    expect(names()).toEqual(['web running'])
    expect(inspect('{{.Id}}')).toBe(old)
    expect(engine.docker('images', '--all', '--quiet', '--digests').split('\n').sort()).toEqual(images)
    expect(tag).toBe(inspect('{{.Image}}'))
  })

  test('the health check of an image that was pulled before is known', async () => {
    runOld([], [], 'ill')
    engine.docker('pull', '--quiet', `${app}@${digests.ill}`)
    expect((await planned()).summary).toContain('until the new one is healthy (at most 22 s)')
    expect((await update()).status).toBe('failed')
    expect(names()).toEqual(['web running'])
  })

  test('one that is stopped stays stopped', async () => {
    runOld([], [], 'good')
    engine.docker('stop', '--time', '0', 'web')
    expect((await update()).status).toBe('done')
    expect(names()).toEqual(['web created', 'web.tailops-previous exited'])
  })

  test('an image that was built on the engine is used as it is', async () => {
    engine.docker('run', '--detach', '--name', 'web', 'tiny:1', 'sleep', '100000')
    expect((await planned()).summary).toStartWith(
      'web is already current: tiny:1 (built or loaded there, never pulled, ',
    )
  })

  test('refuses an image that the registry does not have, and a registry that is down', async () => {
    runOld([], [], 'good')
    await expect(planned({ image: `${app}:none` })).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('the registry has no such image or tag'),
    })
    await expect(planned({ image: '127.0.0.1:5999/app' })).rejects.toMatchObject({
      code: 'operation_failed',
      message: expect.stringContaining('the engine does not reach the registry'),
    })
  })

  test.each([
    ['a compose project', ['--label', 'com.docker.compose.project=shop'], 'belongs to the compose project shop'],
    ['a swarm service', ['--label', 'com.docker.swarm.service.name=shop'], 'is a task of the swarm service shop'],
    ['one that is removed when it stops', ['--rm'], 'is removed when it stops'],
  ])('refuses a container of %s', async (_, options, message) => {
    runOld(options, [], 'good')
    await expect(planned()).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) })
  })

  test('refuses where others share its network, and what an earlier try left', async () => {
    runOld([], [], 'good')
    engine.docker('run', '--detach', '--name', 'guest', '--network', 'container:web', 'tiny:1', 'sleep', '100000')
    await expect(planned()).rejects.toMatchObject({ message: 'guest would lose the network, which is that of web' })
    engine.docker('create', '--name', 'web.tailops-new', 'tiny:1')
    await expect(planned()).rejects.toMatchObject({ hint: 'remove it: docker rm -f web.tailops-new' })
  })

  test('asks for an image where the container was made by digest', async () => {
    publish('first')
    engine.docker('run', '--detach', '--name', 'web', `${app}@${digests.first}`)
    await expect(planned()).rejects.toMatchObject({ code: 'invalid_input', hint: 'give image' })
  })
})
