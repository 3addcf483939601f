import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { get, post, type Request } from '../core/operation.ts'
import type { Plan, Step, Until } from '../core/plan.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { containerReply, type InspectedContainer, isJob } from '../formats/docker-container.ts'
import {
  containerName,
  containerNameRule,
  containersReply,
  imageName,
  nearestHint,
} from '../formats/docker-containers.ts'

const settledWithinMs = 10_000
/** What the engine itself may need beyond the grace of a stop. */
const engineMs = 30_000

const actions = ['start', 'stop', 'restart', 'pause', 'unpause', 'kill'] as const
type ContainerAction = (typeof actions)[number]

export default defineTool({
  name: 'manage_container',
  description: 'Start, stop, restart, pause, unpause or kill a Docker container.',
  capability: 'container:control',
  risk: 'write',
  targets: ['docker'],
  input: z.object({
    container: z.string().min(1).max(128).regex(containerName, containerNameRule),
    action: z.enum(actions),
    timeout_s: z.number().int().min(0).max(600).default(10).describe('grace of a stop'),
  }),
  output: z.object({ container: z.string(), state: z.string() }),
  async plan({ container, action, timeout_s }, context) {
    const found = await inspected(container, context)
    const name = found.Name.replace(/^\//, '')
    const basis = { id: found.Id, name, state: found.State.Status, image: found.Image }
    const already = alreadySo(action, found)
    if (already) return { summary: `${name} is already ${found.State.Status}`, basis, steps: [] }
    refuseImpossible(action, found, name)
    const removed = isRemoved(action, found) ? '; it is removed when it ends (--rm)' : ''
    const summary = `${action} ${name} (${imageName(found.Config.Image)}, now ${found.State.Status})${removed}`
    return { summary, basis, steps: stepsOf(action, found, timeout_s) }
  },
  report({ basis, steps }: Plan) {
    const state =
      steps.map((step) => stateAfter(step.do)).find((after) => after !== undefined) ?? String(basis['state'])
    return { container: String(basis['name']), state }
  },
})

async function inspected(container: string, { read, target }: Context): Promise<InspectedContainer> {
  const outcome = await read(get(`/containers/${encodeURIComponent(container)}/json`))
  if (outcome.status !== 404) return jsonOf(outcome, containerReply, 'the inspection of the container')
  const listed = jsonOf(await read(get('/containers/json?all=1')), containersReply, 'the list of containers')
  throw new GatewayError('not_found', `there is no container ${container} on ${target.id}`, {
    hint: nearestHint(container, listed),
  })
}

function alreadySo(action: ContainerAction, { State: { Running, Paused, Status } }: InspectedContainer): boolean {
  if (action === 'start') return Running && !Paused
  if (action === 'pause') return Paused
  // One that waits for its next start is stopped by a stop.
  return (action === 'stop' || action === 'kill') && !Running && Status !== 'restarting'
}

function refuseImpossible(action: ContainerAction, { State }: InspectedContainer, name: string): void {
  const refuse = (hint: string) =>
    new GatewayError('invalid_input', `cannot ${action} ${name}: it is ${State.Status}`, { hint })
  if (action === 'start' && State.Paused) throw refuse('unpause it')
  if (action === 'unpause' && !State.Paused) throw refuse('only a paused container is unpaused')
  if (action === 'pause' && State.Status !== 'running') throw refuse('only a running container is paused')
}

const isRemoved = (action: ContainerAction, { HostConfig }: InspectedContainer): boolean =>
  (action === 'stop' || action === 'kill') && HostConfig.AutoRemove === true

function stepsOf(action: ContainerAction, found: InspectedContainer, graceS: number): readonly Step[] {
  const undo = undoOf(action, found)
  const until = untilOf(action, found)
  const step = {
    do: request(found.Id, action, graceS),
    ...(undo !== undefined && { undo: request(found.Id, undo, graceS) }),
    ...(until !== undefined && { until }),
  }
  // A measurement takes a second or two: who dies at once is dead then.
  const stays = until !== undefined && (action === 'start' || action === 'restart')
  return stays ? [step, { do: get(`/containers/${found.Id}/stats?stream=false`), until }] : [step]
}

/** By the id, so that no other container of the same name is meant. */
function request(id: string, action: ContainerAction, graceS: number): Request {
  const grace = action === 'stop' || action === 'restart' ? `?t=${graceS}` : ''
  return { ...post(`/containers/${id}/${action}${grace}`), timeoutMs: graceS * 1000 + engineMs }
}

function undoOf(action: ContainerAction, found: InspectedContainer): ContainerAction | undefined {
  if (isRemoved(action, found)) return undefined
  if (action === 'restart') return found.State.Running ? undefined : 'stop'
  return backwards[action]
}

const backwards = { start: 'stop', stop: 'start', kill: 'start', pause: 'unpause', unpause: 'pause' } as const

function untilOf(action: ContainerAction, found: InspectedContainer): Until | undefined {
  const read = get(`/containers/${found.Id}/json`)
  const wait = { read, withinMs: settledWithinMs }
  if (isRemoved(action, found)) return { ...wait, path: 'status', equals: 404 }
  if (action === 'pause' || action === 'unpause')
    return { ...wait, path: 'body.State.Paused', equals: action === 'pause' }
  if (action === 'stop' || action === 'kill') return { ...wait, path: 'body.State.Running', equals: false }
  return isJob(found) ? undefined : { ...wait, path: 'body.State.Running', equals: true }
}

/** What a request that was done has made of the container. */
function stateAfter(operation: Step['do']): string | undefined {
  const [, verb = ''] = operation.kind === 'request' ? (/\/([a-z]+)(\?|$)/.exec(operation.path) ?? []) : []
  return results[verb]
}

const results: Readonly<Record<string, string>> = {
  start: 'running',
  restart: 'running',
  unpause: 'running',
  pause: 'paused',
  stop: 'exited',
  kill: 'exited',
}
