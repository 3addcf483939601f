import type { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Resource } from '../core/fleet.ts'
import type { FindingName, findings } from '../core/fleet-findings.ts'
import type { Finding, Findings } from '../core/fleet-ports.ts'
import type { Outcome } from '../core/operation.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import {
  certificatesReply,
  contentReply,
  guestStartReply,
  missingReads,
  notBackedUpReply,
  permissionsReply,
  timeReply,
  updatesReply,
  versionReply,
} from '../formats/proxmox-inventory.ts'
import { taskEnd, tasksReply } from '../formats/proxmox-tasks.ts'
import { plainJson } from '../lib/json.ts'
import { inParallel } from './in-parallel.ts'

/** A slower look at a cluster: what seldom changes, or takes a request for each node, storage or stopped guest. */
export interface Inspection {
  readonly known: readonly Resource[]
  readonly at: Date
  now(): Date
  /** A GET of its API. */
  read(path: string): Promise<Outcome>
}

/** Everything that triage wants to know; what could not be read says why, and stops nothing else. */
export async function inspectCluster(inspection: Inspection): Promise<Findings> {
  const looks: { readonly [Name in FindingName]: () => Promise<z.input<(typeof findings)[Name]>> } = {
    version: async () => ({ version: (await data(inspection, '/version', versionReply)).version }),
    tasks: () => tasks(inspection),
    backups: () => backups(inspection),
    should_run: () => shouldRun(inspection),
    certificates: () => certificates(inspection),
    access: async () => ({
      missing: [...missingReads(await data(inspection, '/access/permissions', permissionsReply))],
    }),
    clocks: () => clocks(inspection),
    updates: () => updates(inspection),
  }
  const found = await Promise.all(
    Object.entries(looks).map(async ([name, look]) => [name, await finding(look, inspection.at)] as const),
  )
  return Object.fromEntries(found)
}

async function finding(look: () => Promise<object>, at: Date): Promise<Finding> {
  try {
    return { at, data: plainJson(await look()) }
  } catch (error) {
    const { message, hint } = GatewayError.from(error)
    return { at, error: hint === undefined ? message : `${message}; ${hint}` }
  }
}

const data = async <S extends z.ZodType>({ read }: Inspection, path: string, schema: S): Promise<z.output<S>> =>
  proxmoxData(await read(path), schema, path)

const daySeconds = 86_400
const tasksKept = 30

async function tasks(inspection: Inspection) {
  const since = inspection.at.getTime() / 1000 - daySeconds
  const all = await data(inspection, '/cluster/tasks', tasksReply)
  const failed = all
    .filter((task) => taskEnd(task) === 'failed' && (task.endtime ?? 0) >= since)
    .toSorted((a, b) => (b.endtime ?? 0) - (a.endtime ?? 0))
    .slice(0, tasksKept)
    .map(({ node, type, id, user, endtime = 0, status = '' }) => ({ node, type, id, user, ended: endtime, status }))
  const running = all.filter((task) => taskEnd(task) === 'running')
  // A backup of many guests has no id of its own.
  return { failed, running: running.map(({ id, type, node }) => id || `${type}@${node}`) }
}

const online = ({ known }: Inspection): readonly string[] =>
  known.flatMap(({ kind, facts }) => (kind === 'node' && facts['status'] === 'online' ? [String(facts['name'])] : []))

/** The newest backup of each guest on any storage that holds backups. */
async function backups(inspection: Inspection) {
  const nodes = online(inspection)
  const storages = inspection.known.filter(({ kind, facts }) => kind === 'storage' && holdsBackups(facts['content']))
  const newest: Record<string, number> = {}
  const unread: string[] = []
  await inParallel(storages, async ({ facts }) => {
    const name = String(facts['name'])
    const node = typeof facts['node'] === 'string' ? facts['node'] : nodes[0]
    const path = `/nodes/${encodeURIComponent(node ?? '')}/storage/${encodeURIComponent(name)}/content?content=backup`
    try {
      if (node === undefined || !nodes.includes(node)) throw new GatewayError('unreachable', 'its node is offline')
      for (const { vmid, ctime = 0 } of await data(inspection, path, contentReply))
        if (vmid !== undefined) newest[vmid] = Math.max(newest[vmid] ?? 0, ctime)
    } catch (error) {
      unread.push(`${name}: ${GatewayError.from(error).message}`)
    }
  })
  return { newest, unprotected: await unprotected(inspection), unread }
}

const holdsBackups = (content: unknown): boolean => Array.isArray(content) && content.includes('backup')

/** Undefined where the token may not ask. */
async function unprotected(inspection: Inspection): Promise<number[] | undefined> {
  const { ok, ...outcome } = await inspection.read('/cluster/backup-info/not-backed-up')
  if (!ok) return undefined
  return proxmoxData({ ok, ...outcome }, notBackedUpReply, 'the list of guests without backup').map(({ vmid }) => vmid)
}

/** Only stopped guests are asked: those that run do what they should. */
async function shouldRun(inspection: Inspection) {
  const stopped = inspection.known.filter(
    ({ kind, facts }) =>
      (kind === 'lxc' || kind === 'qemu') && facts['status'] === 'stopped' && facts['template'] !== true,
  )
  const asked = await inParallel(stopped, async ({ id, kind, facts }) => {
    const vmid = Number(id.split('/')[1])
    const path = `/nodes/${encodeURIComponent(String(facts['node']))}/${kind}/${vmid}/config`
    try {
      return { vmid, onboot: (await data(inspection, path, guestStartReply)).onboot === 1 }
    } catch (error) {
      const { code } = GatewayError.from(error)
      if (code === 'unreachable' || code === 'credentials_rejected') throw error
      return undefined
    }
  })
  const vmids = asked.flatMap((guest) => (guest?.onboot === true ? [guest.vmid] : []))
  return { vmids, unread: asked.filter((guest) => guest === undefined).length }
}

async function certificates(inspection: Inspection) {
  const found = await inParallel(online(inspection), async (node) => {
    const all = await data(inspection, `/nodes/${encodeURIComponent(node)}/certificates/info`, certificatesReply)
    // The cluster's own authority is not what clients see.
    const served = all.filter(({ filename, notafter }) => notafter !== undefined && !filename?.includes('root-ca'))
    const [first] = served.toSorted((a, b) => (a.notafter ?? 0) - (b.notafter ?? 0))
    return first?.notafter === undefined ? [] : [{ node, not_after: first.notafter, subject: first.subject }]
  })
  return found.flat()
}

const updates = (inspection: Inspection) =>
  inParallel(online(inspection), async (node) => ({
    node,
    packages: (await data(inspection, `/nodes/${encodeURIComponent(node)}/apt/update`, updatesReply)).length,
  })).then((rows) => [...rows])

/** To the second, as far as the answer's own way allows. */
async function clocks(inspection: Inspection) {
  const rows = await inParallel(online(inspection), async (node) => {
    const asked = inspection.now().getTime()
    const { time } = await data(inspection, `/nodes/${encodeURIComponent(node)}/time`, timeReply)
    const between = (asked + inspection.now().getTime()) / 2000
    return { node, ahead_s: Math.round(time - between) }
  })
  return [...rows]
}
