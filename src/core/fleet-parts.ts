import type { Resource, SourceState } from './fleet.ts'
import { freshness } from './fleet-freshness.ts'
import {
  type Depth,
  type FleetRow,
  guestRow,
  nodeRow,
  oddities,
  storageRow,
  type TableOptions,
} from './fleet-tables.ts'
import { count } from './triage-words.ts'

/** One cluster, as far as it was asked for; empty parts are left out by who prints it. */
export interface ClusterPart {
  readonly cluster: string
  /** `quorate`, `no quorum`, `unknown`. */
  readonly status: string | undefined
  readonly seen: string
  readonly not_seen: readonly string[]
  /** Of a summary: `500: 480 running, 20 stopped; 300 lxc, 200 qemu`. */
  readonly guests: string | undefined
  readonly nodes: readonly FleetRow[]
  readonly lxc: readonly FleetRow[]
  readonly qemu: readonly FleetRow[]
  /** Of a summary: guests that neither run nor are simply stopped, or have something odd. */
  readonly abnormal: readonly FleetRow[]
  readonly not_running: readonly FleetRow[]
  readonly templates: string
  readonly storages: readonly FleetRow[]
  readonly left_out: string | undefined
}

export interface PartOptions {
  readonly now: Date
  readonly depth: Depth
  /** Counts instead of rows, and only what is out of the ordinary by name. */
  readonly isSummary: boolean
}

/** What is shown of one cluster. Pure. */
export function clusterPart(state: SourceState, resources: readonly Resource[], options: PartOptions): ClusterPart {
  const head = resources.find(({ kind }) => kind === 'cluster')
  const table = { ...options, seenAt: state.seenAt }
  const rows = options.isSummary ? counted(resources, table) : listed(resources, table)
  return {
    cluster: state.source,
    status: head === undefined ? undefined : String(head.facts['status']),
    seen: freshness(state, options.now),
    not_seen: state.gaps.slice(0, mostGaps),
    ...rows,
  }
}

const mostGaps = 5
const mostAbnormal = 40
/** From how full on a storage is worth a row of a summary, in percent. */
const fullPct = 85

type Rows = Omit<ClusterPart, 'cluster' | 'status' | 'seen' | 'not_seen'>

function listed(resources: readonly Resource[], table: TableOptions): Rows {
  const guests = resources.filter(isGuest)
  const row = (guest: Resource) => guestRow(guest, table)
  const running = (kind: Resource['kind']) =>
    guests.filter((guest) => guest.kind === kind && guest.facts['status'] === 'running').map(row)
  const others = guests.filter(({ facts }) => facts['status'] !== 'running')
  const isTemplate = ({ facts }: Resource) => facts['template'] === true
  return {
    guests: undefined,
    nodes: resources.filter(({ kind }) => kind === 'node').map((node) => nodeRow(node, table)),
    lxc: running('lxc'),
    qemu: running('qemu'),
    abnormal: [],
    not_running: others.filter((guest) => !isTemplate(guest)).map(row),
    templates: others.filter(isTemplate).map(shortName).join(', '),
    storages: resources.filter(({ kind }) => kind === 'storage').map((storage) => storageRow(storage, table)),
    left_out: undefined,
  }
}

function counted(resources: readonly Resource[], table: TableOptions): Rows {
  const guests = resources.filter((one) => isGuest(one) && one.facts['template'] !== true)
  const templates = resources.filter((one) => isGuest(one) && one.facts['template'] === true)
  const abnormal = guests.filter(({ facts }) => !/^(running|stopped)$/.test(statusOf(facts)) || oddities(facts) !== '')
  const storages = resources.filter(({ kind }) => kind === 'storage')
  const troubled = storages.filter(
    ({ facts, use }) => facts['status'] !== 'available' || (use['used_pct'] ?? 0) >= fullPct,
  )
  const left = [
    abnormal.length > mostAbnormal ? `${abnormal.length - mostAbnormal} more abnormal guests` : '',
    troubled.length < storages.length ? `${count(storages.length - troubled.length, 'storage')} without trouble` : '',
  ]
  return {
    guests: `${guests.length}: ${tally(guests, ({ facts }) => statusOf(facts))}; ${tally(guests, ({ kind }) => kind)}`,
    nodes: resources.filter(({ kind }) => kind === 'node').map((node) => countedNode(node, guests, table)),
    lxc: [],
    qemu: [],
    abnormal: abnormal.slice(0, mostAbnormal).map((guest) => guestRow(guest, table)),
    not_running: [],
    templates: templates.length === 0 ? '' : String(templates.length),
    storages: troubled.slice(0, mostAbnormal).map((storage) => storageRow(storage, table)),
    left_out: left.filter((one) => one !== '').join(', '),
  }
}

/** A node's row, and how many guests it has by their status. */
function countedNode(node: Resource, guests: readonly Resource[], table: TableOptions): FleetRow {
  const there = guests.filter(({ facts }) => facts['node'] === node.facts['name'])
  const having = (status: string) => there.filter(({ facts }) => facts['status'] === status).length
  const running = having('running')
  const stopped = having('stopped')
  return { ...nodeRow(node, table), running, stopped, other: there.length - running - stopped }
}

export const isGuest = ({ kind }: Pick<Resource, 'kind'>): boolean => kind === 'lxc' || kind === 'qemu'

const statusOf = (facts: Resource['facts']): string => String(facts['status'])

const shortName = ({ id, facts }: Resource): string => `${id.split('/')[1]} ${String(facts['name'] ?? '')}`.trim()

/** `480 running, 20 stopped`, the commonest first. */
const tally = (resources: readonly Resource[], by: (resource: Resource) => string): string =>
  [...Map.groupBy(resources, by)]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([name, same]) => `${same.length} ${name}`)
    .join(', ')
