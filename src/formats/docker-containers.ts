import { z } from 'zod'
import { nearest } from '../lib/nearest.ts'
import { portsText } from './docker-ports.ts'
import { plain } from './sections.ts'

/** Names of containers as the engine allows them; ids are among them. */
export const containerName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
export const containerNameRule = 'a container name or id: letters, digits, _ . -'

const port = z.object({
  IP: z.string().optional(),
  PrivatePort: z.number(),
  PublicPort: z.number().optional(),
  Type: z.string(),
})

/** GET /containers/json, as far as it is used. */
export const containersReply = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Image: z.string(),
    ImageID: z.string(),
    State: z.string(),
    Status: z.string(),
    Ports: z.array(port).nullish(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
)

export type ListedContainer = z.output<typeof containersReply>[number]

/** One container as a row; empty text where there is nothing to say. */
export interface ContainerRow {
  readonly name: string
  readonly image: string
  /** `running`, `exited 3`. */
  readonly state: string
  readonly health: string
  readonly uptime: string
  /** How long ago it ended. */
  readonly ended: string
  readonly ports: string
  readonly project: string
}

/** A row of what the engine lists. */
export function containerRow(container: ListedContainer): ContainerRow {
  const { Image, State, Status, Ports, Labels } = container
  const [, code, ago = ''] = /^Exited \((-?\d+)\) (.*) ago$/.exec(Status) ?? []
  const [, up = '', , inside = ''] = /^Up (.*?)( \((.*)\))?$/.exec(Status) ?? []
  return {
    name: nameOf(container),
    image: imageName(Image),
    state: code === undefined ? plain(State) : `${plain(State)} ${code}`,
    health: inside === 'Paused' ? '' : plain(inside.replace('health: ', '')),
    uptime: shortSpan(up),
    ended: shortSpan(ago),
    ports: portsText(Ports ?? []),
    project: plain(Labels?.['com.docker.compose.project'] ?? ''),
  }
}

/** The name people use, not one that a link gave it; the short id where it has none. */
export function nameOf({ Names, Id }: Pick<ListedContainer, 'Names' | 'Id'>): string {
  const own = Names?.find((name) => name.lastIndexOf('/') === 0) ?? Names?.[0]
  return plain(own?.replace(/^\//, '') ?? Id.slice(0, 12))
}

/** An image reference with a short digest or id: `redis@sha256:1a2b3c4d5e6f`. */
export const imageName = (reference: string): string =>
  plain(reference.replace(/^sha256:([\da-f]{12})[\da-f]*$/, '$1').replace(/(@sha256:[\da-f]{12})[\da-f]+$/, '$1'))

/** What to try for a name that is not there. */
export function nearestHint(word: string, containers: readonly ListedContainer[]): string {
  const names = containers.map(nameOf)
  const near = nearest(word, names) ?? names.find((name) => name.includes(word))
  if (near !== undefined) return `did you mean ${near}?`
  if (names.length === 0) return 'there are no containers there'
  const shown = names.slice(0, 8).join(', ')
  return `there are: ${shown}${names.length > 8 ? ` and ${names.length - 8} more (get_container_list)` : ''}`
}

/** `3h` of the engine's `3 hours`, `About an hour`, `Less than a second`. */
function shortSpan(text: string): string {
  if (text === '') return ''
  if (text.startsWith('Less than')) return '0s'
  const [, count = '', unit = ''] = /^(?:About )?(an?|\d+) (second|minute|hour|day|week|month|year)s?$/.exec(text) ?? []
  return unit === '' ? plain(text) : `${/\d/.test(count) ? count : '1'}${units[unit] ?? unit}`
}

const units: Readonly<Record<string, string>> = {
  second: 's',
  minute: 'm',
  hour: 'h',
  day: 'd',
  week: 'w',
  month: 'mo',
  year: 'y',
}
