import type { z } from 'zod'
import type { Observation, Seen } from '../core/fleet.ts'
import type { Outcome } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { containersReply } from '../formats/docker-containers.ts'
import { definedFacts } from './seen.ts'
import type { WatchedSource } from './watch.ts'

const everyMs = 5 * 60_000

/** A Docker engine as a source of the fleet: its containers by one call. */
export function dockerSource(target: string, read: (path: string) => Promise<Outcome>): WatchedSource {
  const head = { id: `host:${target}`, kind: 'host' } as const
  return {
    id: target,
    head,
    intervalMs: everyMs,
    async observe(_known, at): Promise<Observation> {
      const containers = jsonOf(await read('/containers/json?all=1'), containersReply, 'the containers')
      const seen = containers.flatMap((container) => containerSeen(target, container))
      const own: Seen = { ...head, facts: { name: target, status: 'up' } }
      return { source: target, at, seen: [own, ...seen], complete: true, gaps: [] }
    },
  }
}

function containerSeen(target: string, container: z.output<typeof containersReply>[number]): readonly Seen[] {
  const { Names, Image, State, Status, Labels } = container
  // A link to another container bears a name as well, below that one's.
  const name = Names?.find((one) => one.lastIndexOf('/') === 0)?.slice(1)
  if (name === undefined) return []
  const facts = definedFacts({
    name,
    status: State,
    image: Image,
    health: /\((healthy|unhealthy|health: starting)\)/.exec(Status)?.[1]?.replace('health: ', ''),
    exit_code: exitCode(Status),
    project: Labels?.['com.docker.compose.project'],
  })
  return [{ id: `container:${target}/${name}`, kind: 'container', facts }]
}

/** `Exited (137) 2 hours ago` (Docker Engine API, ContainerSummary.Status). */
const exitCode = (status: string): number | undefined => {
  const [, code] = /^(?:Exited|Restarting) \((\d+)\)/.exec(status) ?? []
  return code === undefined ? undefined : Number(code)
}
