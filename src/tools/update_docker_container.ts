import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { get, post, type Request } from '../core/operation.ts'
import type { Plan, Step, Until } from '../core/plan.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import {
  containerName,
  containerNameRule,
  containersReply,
  imageName,
  nearestHint,
} from '../formats/docker-containers.ts'
import { type ContainerSpec, type CreateSpec, containerSpecReply, createSpec } from '../formats/docker-create-spec.ts'
import { healthyWithinMs } from '../formats/docker-health.ts'
import { hasDigest, type InspectedImage, imageReply } from '../formats/docker-image.ts'
import { imageNameOf } from '../formats/docker-image-name.ts'
import { named, neighboursReply, obstacleOf, replacementNames } from '../formats/docker-replacement.ts'
import { digestOf } from '../lib/digest.ts'
import { basisOf, described, type WantedImage, wantedImage } from './pull_docker_image.ts'

const settledWithinMs = 10_000
/** What the engine itself may need beyond the grace of a stop. */
const engineMs = 30_000
const graceS = 10

export default defineTool({
  name: 'update_docker_container',
  description: 'Remake a Docker container with a newer image; the old one returns if that fails, else is kept stopped.',
  capability: 'container:admin',
  risk: 'destructive',
  restorePoint: true,
  targets: ['docker'],
  input: z.object({
    container: z.string().max(128).regex(containerName, containerNameRule),
    image: z.string().max(400).optional().describe('default: its own'),
  }),
  output: z.object({
    container: z.string(),
    result: z.string(),
    image: z.string(),
    digest: z.string(),
    kept: z.string().optional(),
    way_back: z.string().optional(),
  }),
  async plan(input, context) {
    const found = await inspected(input.container, context)
    const name = found.Name.replace(/^\//, '')
    const neighbours = jsonOf(await context.read(get('/containers/json?all=1')), neighboursReply, 'the list')
    const obstacle = obstacleOf(found, neighbours)
    if (obstacle) throw new GatewayError('invalid_input', obstacle.message, { hint: obstacle.hint })
    const old = await oldImage(found, context)
    const wanted = await wantedImage(input.image ?? ownReference(found, name), context, { orBuilt: true })
    const basis = { container: name, id: found.Id, from: found.Image, ...basisOf(wanted), state: runState(found) }
    if (isCurrent(found, old, wanted))
      return { summary: `${name} is already current: ${described(wanted)}`, basis, steps: [] }
    const spec = createSpec(found, old.Config ?? {}, wanted.reference)
    const before = named(neighbours, replacementNames(name).previous)
    const change: Change = { found, name, wanted, spec, before: before?.Id, healthyMs: healthOf(found, old, wanted) }
    const restart = restartOf(found)
    return {
      summary: summaryOf(change),
      basis: { ...basis, spec: digestOf(spec), restart, previous: before?.Id ?? 'none' },
      steps: stepsOf(change),
    }
  },
  report({ basis, steps }: Plan) {
    const name = String(basis['container'])
    const answer = { container: name, image: String(basis['image']), digest: String(basis['digest']) }
    if (steps.length === 0) return { ...answer, result: 'already current' }
    const isRunning = basis['state'] === 'running'
    const { previous } = replacementNames(name)
    return {
      ...answer,
      result: isRunning ? 'updated and running' : 'updated, not started, as before',
      kept: `${previous}, stopped, of image ${imageName(String(basis['from']))}`,
      way_back: wayBack(name, String(basis['restart']), isRunning),
    }
  },
})

/** What is to be done, from all that was read. */
interface Change {
  readonly found: ContainerSpec
  readonly name: string
  readonly wanted: WantedImage
  readonly spec: CreateSpec
  /** Id of the container that the update before this one kept. */
  readonly before: string | undefined
  /** Undefined: no health check is known. */
  readonly healthyMs: number | undefined
}

async function inspected(container: string, { read, target }: Context): Promise<ContainerSpec> {
  const outcome = await read(get(`/containers/${encodeURIComponent(container)}/json`))
  if (outcome.status !== 404) return jsonOf(outcome, containerSpecReply, 'the inspection of the container')
  const listed = jsonOf(await read(get('/containers/json?all=1')), containersReply, 'the list of containers')
  const { old } = replacementNames(container)
  const isBroken = listed.some(({ Names }) => Names?.includes(`/${old}`))
  throw new GatewayError('not_found', `there is no container ${container} on ${target.id}`, {
    hint: isBroken
      ? `an update broke off; go back: docker rename ${old} ${container} && docker start ${container}`
      : nearestHint(container, listed),
  })
}

async function oldImage({ Image }: ContainerSpec, { read }: Context): Promise<InspectedImage> {
  const outcome = await read(get(`/images/${Image}/json`))
  if (outcome.status !== 404) return jsonOf(outcome, imageReply, 'the inspection of the image')
  throw new GatewayError('operation_failed', `the image of the container is gone: ${imageName(Image)}`, {
    hint: 'what it supplied to the container cannot be told from what is the container’s own: make it anew by hand',
  })
}

/** The reference it was made with. */
function ownReference({ Config }: ContainerSpec, name: string): string {
  const made = imageNameOf(Config.Image)
  if (made !== undefined && made.digest === undefined) return Config.Image
  throw new GatewayError('invalid_input', `${name} was made of ${imageName(Config.Image)}, which has no newer one`, {
    hint: 'give image',
  })
}

const runState = ({ State }: ContainerSpec): string => (State.Running ? 'running' : State.Status)

const isCurrent = ({ Image }: ContainerSpec, old: InspectedImage, { digest, here }: WantedImage): boolean =>
  here?.Id === Image || (digest !== undefined && hasDigest(old, digest))

/** By the new image, if the engine has it; else as if it had the health check of the old one. */
function healthOf({ Config }: ContainerSpec, old: InspectedImage, { here }: WantedImage): number | undefined {
  const inherited = JSON.stringify(Config.Healthcheck) === JSON.stringify(old.Config?.Healthcheck)
  const own = inherited ? undefined : Config.Healthcheck
  return healthyWithinMs(own, (here ?? old).Config?.Healthcheck)
}

const restartOf = ({ HostConfig }: ContainerSpec): string => HostConfig.RestartPolicy?.Name || 'no'

function summaryOf({ found, name, wanted, before, healthyMs }: Change): string {
  const { previous } = replacementNames(name)
  const swap = `update ${name}: ${imageName(found.Config.Image)} (${imageName(found.Image)}) → ${described(wanted)}`
  const kept = `the old one is kept, stopped, as ${previous}${before === undefined ? '' : ', replacing the one kept there'}`
  if (!found.State.Running) return `${swap}; it is ${found.State.Status} and is not started; ${kept}`
  const gate =
    healthyMs === undefined
      ? 'runs (no health check is known)'
      : `is healthy (at most ${Math.round(healthyMs / 1000)} s)`
  const stop = `up to ${found.Config.StopTimeout ?? graceS} s to stop`
  return `${swap}; outage: ${stop}, then until the new one ${gate}; otherwise the old one is started again; ${kept}`
}

function wayBack(name: string, restart: string, isRunning: boolean): string {
  const { previous } = replacementNames(name)
  const policy = restart === 'no' ? [] : [`docker update --restart ${restart} ${name}`]
  const start = isRunning ? [`docker start ${name}`] : []
  return [`docker rm -f ${name}`, `docker rename ${previous} ${name}`, ...policy, ...start].join(' && ')
}

/** All that can be done beforehand is done while the old one still runs. */
function stepsOf(change: Change): readonly Step[] {
  const { before, wanted, found } = change
  const forget: readonly Step[] = before === undefined ? [] : [{ do: remove(before, '') }]
  const isRunning = found.State.Running
  return [
    ...wanted.steps,
    ...creation(change),
    ...(isRunning ? [stopping(change)] : []),
    ...renaming(change),
    ...(isRunning ? starting(change) : []),
    ...forget,
    ...keeping(change),
  ]
}

function creation({ name, spec: { body, joins } }: Change): readonly Step[] {
  const { fresh } = replacementNames(name)
  const create: Step = { do: post(`/containers/create?name=${fresh}`, body), undo: remove(fresh, '?force=1&v=0') }
  const further = joins.map(({ network, endpoint }): Step => {
    const path = `/networks/${encodeURIComponent(network)}`
    return {
      do: post(`${path}/connect`, { Container: fresh, EndpointConfig: endpoint }),
      undo: post(`${path}/disconnect`, { Container: fresh, Force: true }),
    }
  })
  return [create, ...further]
}

function stopping({ found: { Id, Config } }: Change): Step {
  return {
    do: stop(Id, Config.StopTimeout),
    undo: post(`/containers/${Id}/start`),
    until: inspection(Id, 'body.State.Running', { equals: false, withinMs: settledWithinMs }),
  }
}

function renaming({ found, name }: Change): readonly Step[] {
  const { fresh, old } = replacementNames(name)
  return [
    { do: rename(found.Id, old), undo: rename(found.Id, name) },
    { do: rename(fresh, name), undo: rename(name, fresh) },
  ]
}

/** Who dies at once is dead after a measurement, which takes a second or two; then it may take its time to get well. */
function starting({ found, name, healthyMs }: Change): readonly Step[] {
  const runs = inspection(name, 'body.State.Running', { equals: true, withinMs: settledWithinMs })
  const again = inspection(name, 'body.RestartCount', { equals: 0, withinMs: 0 })
  const well: Step = {
    do: get(`/containers/${name}/json`),
    until:
      healthyMs === undefined
        ? runs
        : inspection(name, 'body.State.Health.Status', { equals: 'healthy', withinMs: healthyMs }),
  }
  return [
    { do: post(`/containers/${name}/start`), undo: stop(name, found.Config.StopTimeout), until: runs },
    { do: get(`/containers/${name}/stats?stream=false`), until: again },
    well,
  ]
}

/** The old one stays, and no restart of the engine wakes it. */
function keeping({ found, name }: Change): readonly Step[] {
  const { old, previous } = replacementNames(name)
  const { Id, HostConfig } = found
  const calm: Step = {
    do: post(`/containers/${Id}/update`, { RestartPolicy: { Name: 'no' } }),
    undo: post(`/containers/${Id}/update`, { RestartPolicy: HostConfig.RestartPolicy }),
  }
  return [...(restartOf(found) === 'no' ? [] : [calm]), { do: rename(Id, previous), undo: rename(Id, old) }]
}

const inspection = (container: string, path: string, wanted: Pick<Until, 'equals' | 'withinMs'>): Until => ({
  read: get(`/containers/${container}/json`),
  path,
  ...wanted,
})

const stop = (container: string, ownGraceS: number | null | undefined): Request => ({
  ...post(`/containers/${container}/stop`),
  timeoutMs: (ownGraceS ?? graceS) * 1000 + engineMs,
})

const rename = (container: string, to: string): Request => post(`/containers/${container}/rename?name=${to}`)

const remove = (container: string, query: string): Request => ({
  kind: 'request',
  method: 'DELETE',
  path: `/containers/${container}${query}`,
})
