import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import type { Resource } from '../core/fleet.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { ageOf } from '../formats/ages.ts'
import {
  type ClusterResources,
  clusterResources,
  type GuestRow,
  type NodeRow,
  resourcesReply,
} from '../formats/proxmox-resources.ts'

/** A guest with what discovery knows beyond the list: where it can be reached. */
export interface KnownGuest extends GuestRow {
  readonly addresses: readonly string[]
}

/** Nodes, guests and storages of a cluster; `seen` says how old they are when they are not of now. */
export interface KnownResources extends Omit<ClusterResources, 'guests'> {
  readonly guests: readonly KnownGuest[]
  /** `5m ago; the cluster does not answer: …` */
  readonly seen?: string | undefined
}

type Reading = Pick<Context, 'read' | 'remembered' | 'now'>

/** What the cluster lists now, by one request; names that a dead node left behind are the last known ones. @throws GatewayError */
export async function readResources(reading: Reading): Promise<KnownResources> {
  const listed = clusterResources(await askProxmox(reading, '/cluster/resources', resourcesReply))
  const offline = new Set(listed.nodes.filter(({ status }) => status === 'offline').map(({ node }) => node))
  const known = new Map(
    reading.remembered().resources.flatMap((one) => (isGuest(one) ? [[one.id.split('/').at(-1), one] as const] : [])),
  )
  const guests = listed.guests.map((guest) => completed(guest, known.get(String(guest.vmid)), offline.has(guest.node)))
  return { ...listed, guests }
}

/** Codes of a cluster that says nothing, unlike one that says no. */
const silent = new Set(['unreachable', 'interrupted', 'timeout'])

/** The same, or when the cluster does not answer, what discovery last saw. For answers only: no change rests on it. @throws GatewayError */
export async function resourcesOrRemembered(reading: Reading): Promise<KnownResources> {
  try {
    return await readResources(reading)
  } catch (error) {
    const { code, message } = GatewayError.from(error)
    const { seenAt, resources } = reading.remembered()
    if (!silent.has(code) || seenAt === undefined) throw error
    return {
      guests: resources.flatMap(rememberedGuest),
      nodes: resources.flatMap(rememberedNode),
      storages: [],
      seen: `${ageOf(seenAt, reading.now)} ago; the cluster does not answer: ${message}`,
    }
  }
}

const isGuest = ({ kind }: Resource): boolean => kind === 'lxc' || kind === 'qemu'

/** What a node that is gone leaves in the list is old: of its guests only what they are is told, not how. */
function completed(guest: GuestRow, known: Resource | undefined, isCutOff: boolean): KnownGuest {
  const addresses = listOf(known?.facts['addresses'])
  if (!isCutOff && guest.status !== 'unknown') return { ...guest, addresses }
  const { vmid, kind, node, tags, lock, ha } = guest
  const name = guest.name ?? textOf(known?.facts['name'])
  const template = guest.template ?? (known?.facts['template'] === true ? true : undefined)
  const pool = guest.pool ?? textOf(known?.facts['pool'])
  return { vmid, kind, node, tags, lock, ha, name, template, pool, status: 'unknown', addresses }
}

function rememberedGuest({ id, kind, facts }: Resource): readonly KnownGuest[] {
  if (kind !== 'lxc' && kind !== 'qemu') return []
  return [
    {
      vmid: Number(id.split('/').at(-1)),
      kind,
      node: textOf(facts['node']) ?? '',
      status: textOf(facts['status']) ?? 'unknown',
      name: textOf(facts['name']),
      template: facts['template'] === true ? true : undefined,
      tags: listOf(facts['tags']),
      pool: textOf(facts['pool']),
      lock: textOf(facts['lock']),
      ha: textOf(facts['ha']),
      cpus: numberOf(facts['cpus']),
      memoryMib: numberOf(facts['memory_mib']),
      addresses: listOf(facts['addresses']),
    },
  ]
}

function rememberedNode({ kind, facts }: Resource): readonly NodeRow[] {
  if (kind !== 'node') return []
  return [
    {
      node: textOf(facts['name']) ?? '',
      status: textOf(facts['status']) ?? 'unknown',
      cpus: numberOf(facts['cpus']),
      memoryMib: numberOf(facts['memory_mib']),
    },
  ]
}

const textOf = (fact: unknown): string | undefined => (typeof fact === 'string' ? fact : undefined)
const numberOf = (fact: unknown): number | undefined => (typeof fact === 'number' ? fact : undefined)
const listOf = (fact: unknown): readonly string[] => (Array.isArray(fact) ? fact.map(String) : [])
