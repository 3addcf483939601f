import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { type Resource, resourceKinds, type SourceState } from '../core/fleet.ts'
import { cursorText } from '../core/fleet-cursor.ts'
import { type FleetFilter, fitting, narrows } from '../core/fleet-filter.ts'
import { freshnessOfAll } from '../core/fleet-freshness.ts'
import { type ClusterPart, clusterPart, isGuest, type PartOptions } from '../core/fleet-parts.ts'
import { containerRow, type FleetRow, hostRow } from '../core/fleet-tables.ts'
import { fleetReply, targetsReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'
import { nearest } from '../lib/nearest.ts'

/** With more guests and containers than this, counts are shown. */
const mostRows = 200
/** With fewer, every column. */
const fewRows = 16

const word = () => z.string().min(1).max(100).optional()
const rows = z.array(z.record(z.string(), z.union([z.string(), z.number()]))).optional()

export default defineTool({
  name: 'get_fleet_state',
  description:
    'The whole fleet as last seen, and how long ago: clusters with nodes, guests and storages, hosts, containers. Large ones are counted; filters narrow.',
  capability: 'fleet:read',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    cluster: word().describe('name'),
    node: word().describe('name'),
    kind: z.enum(resourceKinds).optional(),
    status: word().describe('running, stopped, offline…'),
    tag: word().describe('of guests'),
    text: word().describe('part of name, id, address'),
    detail: z.enum(['auto', 'rows']).default('auto'),
  }),
  output: z.object({
    clusters: z
      .array(
        z.object({
          cluster: z.string(),
          status: z.string().optional(),
          seen: z.string(),
          not_seen: z.array(z.string()).optional(),
          guests: z.string().optional(),
          nodes: rows,
          lxc: rows.describe('running'),
          qemu: rows.describe('running'),
          abnormal: rows,
          not_running: rows,
          templates: z.string().optional(),
          storages: rows,
          left_out: z.string().optional(),
        }),
      )
      .optional(),
    other_sources: z.string().optional(),
    hosts: rows,
    containers: rows,
    nothing_from: z.string().optional(),
    note: z.string().optional(),
    cursor: z.string().describe('for get_fleet_changes'),
  }),
  async run({ detail, ...filter }, context) {
    const { now, read } = context
    const fleet = jsonOf(await read(get('/fleet')), fleetReply, 'the fleet')
    const cursor = cursorText({ epoch: fleet.epoch, seq: fleet.newest })
    const notSeen = await notSeenYet(context, fleet.sources)
    if (fleet.sources.length === 0) return { note: notSeen ?? nothingWatched, cursor }
    const chosen = fitting(fleet.resources, filter)
    const small = chosen.filter((one) => isGuest(one) || one.kind === 'container').length
    const isSummary = detail === 'auto' && small > mostRows
    const depth = chosen.length <= fewRows && narrows(filter) ? 'long' : 'short'
    const shown = parts(fleet.sources, chosen, { filter, options: { now, depth, isSummary } })
    const notes = [
      notSeen,
      chosen.length === 0 ? nothingFits(fleet, filter) : undefined,
      isSummary ? 'counted; cluster, node, kind, status, tag or text narrow it, detail: rows lists all' : undefined,
    ]
    return { ...shown, ...withoutEmpty({ note: notes.filter((note) => note !== undefined).join('; ') }), cursor }
  },
})

interface Asked {
  readonly filter: FleetFilter
  readonly options: PartOptions
}

/** Clusters each with their tables; everything else as one table of hosts and one of containers. */
function parts(sources: readonly SourceState[], chosen: readonly Resource[], { filter, options }: Asked) {
  const bySource = Map.groupBy(chosen, ({ source }) => source)
  const ownOf = ({ source }: SourceState) => bySource.get(source) ?? []
  const clusters = sources.filter((state) => ownOf(state).some(({ kind }) => clusterKinds.includes(kind)))
  const others = sources.filter((state) => ownOf(state).length > 0 && !clusters.includes(state))
  const silent = sources.filter((state) => ownOf(state).length === 0 && isUnsure(state, filter))
  const rowOptions = ({ source }: Resource) => ({
    ...options,
    seenAt: sources.find((state) => state.source === source)?.seenAt,
  })
  return withoutEmptyParts({
    clusters: clusters.map((state) => printed(clusterPart(state, ownOf(state), options))),
    other_sources: freshnessOfAll(others, options.now),
    hosts: table(chosen, 'host', (host) => hostRow(host, rowOptions(host))),
    containers: table(chosen, 'container', (one) => containerRow(one, rowOptions(one))),
    nothing_from: freshnessOfAll(silent, options.now),
  })
}

const clusterKinds: readonly Resource['kind'][] = ['cluster', 'node', 'lxc', 'qemu', 'storage']

const table = (all: readonly Resource[], kind: Resource['kind'], row: (one: Resource) => FleetRow) =>
  tidy(all.filter((one) => one.kind === kind).map(row))

/** What was not found there may be there all the same. */
const isUnsure = ({ source, complete, error, gaps }: SourceState, { cluster }: FleetFilter): boolean =>
  (cluster === undefined || cluster === source) && (!complete || error !== undefined || gaps.length > 0)

const printed = ({ nodes, lxc, qemu, abnormal, not_running, storages, ...rest }: ClusterPart) => {
  const { status, seen, cluster, not_seen, guests, templates, left_out } = rest
  return {
    cluster,
    seen,
    ...withoutEmptyParts({
      status,
      not_seen: [...not_seen],
      guests,
      nodes: tidy(nodes),
      lxc: tidy(lxc),
      qemu: tidy(qemu),
      abnormal: tidy(abnormal),
      not_running: tidy(not_running),
      templates,
      storages: tidy(storages),
      left_out,
    }),
  }
}

/** Undefined in a row only where the whole column says nothing is left out; elsewhere it is empty text. */
function tidy(list: readonly FleetRow[]): Record<string, string | number>[] {
  const whole = withoutEmptyColumns(list, ['other'])
  return whole.map((row) => Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, cell ?? ''])))
}

function withoutEmptyParts<T extends object>(value: T): Partial<T> {
  const kept: Partial<T> = { ...value }
  for (const [name, part] of Object.entries(value))
    if (part === undefined || part === '' || (Array.isArray(part) && part.length === 0))
      Reflect.deleteProperty(kept, name)
  return kept
}

const nothingWatched =
  'nothing is watched: targets.yaml names no Proxmox cluster with discovery; list_targets shows what there is'

/** Clusters that are configured and that nobody has looked at. */
async function notSeenYet({ read }: Context, sources: readonly SourceState[]): Promise<string | undefined> {
  const targets = jsonOf(await read(get('/targets')), targetsReply, 'the list of targets')
  const seen = new Set(sources.map(({ source }) => source))
  const waiting = targets.filter(({ id, kind }) => kind === 'proxmox' && !seen.has(id)).map(({ id }) => id)
  if (waiting.length === 0) return undefined
  return `nobody has looked at ${waiting.join(', ')} yet: run_discovery looks now`
}

/** @throws GatewayError not_found for a cluster or node that there is not */
function nothingFits(
  { sources, resources }: { readonly sources: readonly SourceState[]; readonly resources: readonly Resource[] },
  { cluster, node }: FleetFilter,
): string {
  const clusters = sources.map(({ source }) => source)
  if (cluster !== undefined && !clusters.includes(cluster)) throw unknown('cluster', cluster, clusters)
  const nodes = resources.flatMap(({ kind, facts }) => (kind === 'node' ? [String(facts['name'])] : []))
  if (node !== undefined && !nodes.includes(node)) throw unknown('node', node, nodes)
  return `none of ${resources.length} fits`
}

function unknown(what: string, name: string, known: readonly string[]): GatewayError {
  const close = nearest(name, known)
  const names = [...new Set(known)].slice(0, 20).join(', ')
  return new GatewayError('not_found', `no ${what} ${JSON.stringify(name)} in the fleet`, {
    hint: close === undefined ? `there are: ${names}` : `did you mean ${close}?`,
  })
}
