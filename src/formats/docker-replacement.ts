import { z } from 'zod'
import type { ContainerSpec } from './docker-create-spec.ts'

/** GET /containers/json?all=1, as far as a replacement depends on it. */
export const neighboursReply = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    State: z.string(),
    HostConfig: z.object({ NetworkMode: z.string().optional() }).nullish(),
  }),
)

export type Neighbour = z.output<typeof neighboursReply>[number]

/** The names that containers have while one replaces another. */
export interface ReplacementNames {
  readonly name: string
  /** The new one, until it takes the name. */
  readonly fresh: string
  /** The old one, until the new one is known to be well. */
  readonly old: string
  /** The old one of the last update that ended well, stopped. */
  readonly previous: string
}

/** By the name of the container. */
export const replacementNames = (name: string): ReplacementNames => ({
  name,
  fresh: `${name}.tailops-new`,
  old: `${name}.tailops-old`,
  previous: `${name}.tailops-previous`,
})

/** Why a container cannot be replaced, and the next step. */
export interface Obstacle {
  readonly message: string
  readonly hint: string
}

/** What stands in the way of replacing a container: its manager, its state, or what an earlier try left. */
export function obstacleOf(container: ContainerSpec, neighbours: readonly Neighbour[]): Obstacle | undefined {
  const names = replacementNames(container.Name.replace(/^\//, ''))
  return managerOf(container, names.name) ?? stateOf(container, names.name) ?? otherOf(container, names, neighbours)
}

function managerOf({ Config }: ContainerSpec, name: string): Obstacle | undefined {
  const project = Config.Labels?.['com.docker.compose.project']
  if (project !== undefined) {
    return {
      message: `${name} belongs to the compose project ${project}, which would not know of the change`,
      hint: 'change the image in its compose file, then update_stack, or docker compose pull and up -d on the machine',
    }
  }
  const service = Config.Labels?.['com.docker.swarm.service.name'] ?? Config.Labels?.['com.docker.swarm.task.id']
  if (service === undefined) return undefined
  return {
    message: `${name} is a task of the swarm service ${service}`,
    hint: 'use docker service update on a manager',
  }
}

function stateOf({ State, HostConfig }: ContainerSpec, name: string): Obstacle | undefined {
  if (HostConfig.AutoRemove === true) {
    return {
      message: `${name} is removed when it stops (--rm): there would be no way back`,
      hint: 'stop it and run it again with the new image',
    }
  }
  if (State.Paused) return { message: `${name} is paused`, hint: 'unpause or stop it first (manage_container)' }
  if (State.Status !== 'removing' && State.Status !== 'dead') return undefined
  return { message: `${name} is ${State.Status}`, hint: 'make it anew' }
}

function otherOf(
  { Id }: ContainerSpec,
  { name, fresh, old, previous }: ReplacementNames,
  neighbours: readonly Neighbour[],
): Obstacle | undefined {
  if (named(neighbours, fresh)) {
    return { message: `${fresh} is left of an earlier update`, hint: `remove it: docker rm -f ${fresh}` }
  }
  if (named(neighbours, old)) {
    const back = `docker rm -f ${name} && docker rename ${old} ${name} && docker start ${name}`
    return {
      message: `${old} is left of an update that did not come to its end`,
      hint: `if ${name} works, remove the old one: docker rm ${old}; else go back: ${back}`,
    }
  }
  const before = named(neighbours, previous)
  if (before !== undefined && before.State !== 'exited' && before.State !== 'created') {
    return { message: `${previous}, the one before ${name}, is ${before.State}`, hint: 'stop or rename it' }
  }
  const guests = neighbours.filter(({ HostConfig }) => HostConfig?.NetworkMode === `container:${Id}`)
  if (guests.length === 0) return undefined
  return {
    message: `${guests.map(shownName).join(', ')} would lose the network, which is that of ${name}`,
    hint: 'they must be made anew together with it; do it by hand or as one compose project',
  }
}

/** The container of exactly this name. */
export const named = (neighbours: readonly Neighbour[], name: string): Neighbour | undefined =>
  neighbours.find(({ Names }) => Names?.includes(`/${name}`))

const shownName = ({ Names, Id }: Neighbour): string => Names?.[0]?.slice(1) ?? Id.slice(0, 12)
