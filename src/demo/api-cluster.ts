import { badParameters } from './api-error.ts'
import type { Guest } from './guest.ts'
import { type Call, everybody, integer, type Method, may, sysAudit, text } from './method.ts'
import type { BackupJob } from './parts.ts'
import {
  guestResources,
  networkResources,
  nodeEntry,
  nodeResources,
  poolResources,
  type Resource,
  storageResources,
} from './resources.ts'
import { clusterTask, isReadable } from './task-entries.ts'

/** What is asked of a cluster as a whole. */
export const clusterMethods: readonly Method[] = [
  {
    method: 'GET',
    path: '/version',
    permissions: everybody,
    answer: ({ world, at }) => ({ data: versionOf(world.node(at)?.version ?? '') }),
  },
  { method: 'GET', path: '/cluster/resources', permissions: everybody, answer: resources },
  { method: 'GET', path: '/cluster/status', permissions: sysAudit('/'), answer: status },
  { method: 'GET', path: '/cluster/tasks', permissions: everybody, answer: tasks },
  { method: 'GET', path: '/cluster/backup', permissions: sysAudit('/'), answer: backupJobs },
  {
    method: 'GET',
    path: '/cluster/backup-info/not-backed-up',
    permissions: sysAudit('/'),
    answer: notBackedUp,
  },
  { method: 'GET', path: '/cluster/nextid', permissions: everybody, answer: nextId },
  { method: 'GET', path: '/cluster/options', permissions: { ...sysAudit('/'), ...everybody }, answer: options },
  { method: 'GET', path: '/nodes', permissions: everybody, answer: nodes },
]

/** What /version and /nodes/{node}/version say: `{version: '9.2.11', release: '9.2', …}`. */
export function versionOf(version: string): Readonly<Record<string, string>> {
  return { version, release: version.split('.').slice(0, 2).join('.'), repoid: '14a22df3f0b0e5d4' }
}

function resources(call: Call) {
  const parts: Readonly<Record<string, (call: Call) => readonly Resource[]>> = {
    pool: poolResources,
    vm: guestResources,
    node: nodeResources,
    storage: storageResources,
    sdn: networkResources,
  }
  const type = text(call, 'type')
  const wanted = type === undefined ? Object.values(parts) : [parts[type] ?? (() => [])]
  return { data: wanted.flatMap((part) => part(call)) }
}

function status({ world, at }: Call) {
  const cluster = {
    type: 'cluster',
    id: 'cluster',
    name: world.name,
    nodes: world.nodes().length,
    quorate: world.isQuorate() ? 1 : 0,
    version: world.nodes().length,
  }
  const nodes = world.nodes().map(({ name, id, ip, state }) => ({
    type: 'node',
    id: `node/${name}`,
    name,
    nodeid: id,
    ip,
    level: '',
    local: name === at ? 1 : 0,
    online: state === 'online' ? 1 : 0,
  }))
  return { data: [cluster, ...nodes] }
}

/** The cluster remembers the newest tasks alone. */
const remembered = 50

function tasks(call: Call) {
  const seen = call.world.tasks.list().filter((task) => isReadable(call, task))
  return { data: seen.slice(0, remembered).map(clusterTask) }
}

function backupJobs({ world }: Call) {
  const data = world.backupJobs.map((job) => ({
    id: job.id,
    type: 'vzdump',
    schedule: job.schedule,
    storage: job.storage,
    enabled: job.enabled ? 1 : 0,
    mode: job.mode,
    vmid: job.vmid,
    pool: job.pool,
    ...(job.vmid === undefined && job.pool === undefined && { all: 1 }),
    ...(job.enabled && { 'next-run': job.nextRun }),
  }))
  return { data }
}

/** Guests that no backup job covers. */
function notBackedUp({ world }: Call) {
  const covers = ({ vmid, pool }: BackupJob, guest: Guest) =>
    vmid === undefined ? pool === undefined || pool === guest.pool : vmid.split(',').includes(String(guest.vmid))
  const bare = world.guests().filter((guest) => !world.backupJobs.some((job) => covers(job, guest)))
  return { data: bare.map(({ vmid, kind, name }) => ({ vmid, type: kind, name })) }
}

function nextId(call: Call) {
  const wanted = integer(call, 'vmid')
  if (wanted !== undefined && call.world.guest(wanted) !== undefined) {
    throw badParameters({ vmid: `VM ${wanted} already exists` })
  }
  let vmid = wanted ?? 100
  while (call.world.guest(vmid) !== undefined) vmid += 1
  return { data: String(vmid) }
}

function options(call: Call) {
  const tags = call.world.guests().flatMap((guest) => guest.tags?.split(';') ?? [])
  const known = { 'allowed-tags': [...new Set(tags)].sort() }
  return { data: may(call, '/', 'Sys.Audit') ? { ...known, description: '', mac_prefix: 'BC:24:11' } : known }
}

function nodes(call: Call) {
  const data = call.world
    .nodes()
    .map((node) => ({ ...nodeEntry(call, node), level: '', ssl_fingerprint: node.fingerprint }))
  return { data }
}
