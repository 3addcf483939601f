import type { Guest } from './guest.ts'
import { type Call, may } from './method.ts'
import { guestNumbers, nodeNumbers } from './numbers.ts'
import type { PveNode, Storage } from './parts.ts'
import type { Heard, World } from './world.ts'

/** How long numbers of a node that went silent are still shown. */
const staleMs = 300_000

/** One entry of /cluster/resources. */
export type Resource = Readonly<Record<string, string | number | undefined>>

/** The entries of guests that the caller may see. */
export function guestResources(call: Call): readonly Resource[] {
  const seen = call.world.guests().filter(({ vmid }) => may(call, `/vms/${vmid}`, 'VM.Audit'))
  const pools = new Set([...call.world.pools.keys()].filter((name) => may(call, `/pool/${name}`, 'Pool.Audit')))
  return seen.map(({ pool, ...guest }) => {
    const shown = pool !== undefined && pools.has(pool) ? pool : undefined
    return guestResource(call.world, { ...guest, pool: shown })
  })
}

/** One guest: where it is, its tags, pool and lock are known at once; the rest is what its node told last, if that is not too old. */
export function guestResource(world: World, guest: Guest): Resource {
  const { vmid, kind, node, tags, pool, lock, hastate } = guest
  const known = { id: `${kind}/${vmid}`, vmid, type: kind, node, tags, pool, lock, hastate }
  const heard = fresh(world, guest.node, world.heardOfGuest(vmid))
  if (heard === undefined) return { ...known, status: 'unknown' }
  const { what, at } = heard
  return {
    ...known,
    name: what.name,
    status: what.status,
    template: what.template ? 1 : 0,
    maxcpu: what.cpus,
    maxmem: what.memory,
    maxdisk: what.diskSize,
    memhost: 0,
    ...guestNumbers(what, at),
  }
}

/** Numbers of a node that is gone live for five minutes. */
function fresh<T>(world: World, name: string, heard: Heard<T> | undefined): Heard<T> | undefined {
  const goneAt = world.node(name)?.goneAt
  return goneAt !== undefined && world.now() - goneAt >= staleMs ? undefined : heard
}

/** Every node; its numbers only for who may audit it. */
export function nodeResources(call: Call): readonly Resource[] {
  return call.world.nodes().map((node) => ({ ...nodeEntry(call, node), 'cgroup-mode': 2 }))
}

/** A node as /nodes and /cluster/resources show it. */
export function nodeEntry(call: Call, node: PveNode): Resource {
  const { world } = call
  const status = node.state === 'online' ? 'online' : 'offline'
  const known = { id: `node/${node.name}`, node: node.name, type: 'node', status }
  const heard = fresh(world, node.name, world.heardOfNode(node.name))
  if (heard === undefined) return known
  const { what, at } = heard
  if (!may(call, `/nodes/${node.name}`, 'Sys.Audit')) return { ...known, level: '' }
  const sizes = { maxcpu: what.cpus, maxmem: what.memory, maxdisk: what.diskSize }
  return { ...known, level: '', ...sizes, ...(status === 'online' && nodeNumbers(what, at)) }
}

/** Every storage on every node that the caller may see. */
export function storageResources(call: Call): readonly Resource[] {
  const seen = [...call.world.storages.values()].filter(({ name }) => may(call, `/storage/${name}`, 'Datastore.Audit'))
  return seen.flatMap((storage) =>
    call.world
      .nodes()
      .filter(({ name }) => storage.nodes === undefined || storage.nodes.includes(name))
      .map((node) => storageResource(call.world, storage, node)),
  )
}

function storageResource(world: World, storage: Storage, node: PveNode): Resource {
  const { name, type, content, shared, size } = storage
  const known = {
    id: `storage/${node.name}/${name}`,
    storage: name,
    node: node.name,
    type: 'storage',
    plugintype: type,
    content: content.join(','),
    shared: shared ? 1 : 0,
  }
  if (fresh(world, node.name, world.heardOfNode(node.name)) === undefined) return { ...known, status: 'unknown' }
  const numbers = { disk: usedOf(storage, node.name), maxdisk: size }
  return storage.inactive ? { ...known, status: 'unknown' } : { ...known, status: 'available', ...numbers }
}

/** Bytes in use in a storage, as a node sees it. */
export const usedOf = ({ shared, used }: Storage, node: string): number => used[shared ? '*' : node] ?? 0

/** Pools with the sums of their running guests. */
export function poolResources(call: Call): readonly Resource[] {
  const { world } = call
  const seen = [...world.pools.values()].filter(({ name }) => may(call, `/pool/${name}`, 'Pool.Audit'))
  if (seen.length === 0) return []
  const members = Map.groupBy(world.guests(), ({ pool }) => pool)
  return seen.map(({ name }) => {
    const running = (members.get(name) ?? [])
      .map((guest) => guestResource(world, guest))
      .filter(({ mem }) => Number(mem) > 0)
    return { id: `/pool/${name}`, pool: name, type: 'pool', ...sums(running) }
  })
}

function sums(running: readonly Resource[]): Resource {
  if (running.length === 0) return {}
  const total = (key: string) => running.reduce((sum, entry) => sum + Number(entry[key] ?? 0), 0)
  const used = running.reduce((sum, { cpu, maxcpu }) => sum + Number(cpu ?? 0) * Number(maxcpu ?? 0), 0)
  const uptime = Math.max(...running.map((entry) => Number(entry['uptime'] ?? 0)))
  return { mem: total('mem'), maxmem: total('maxmem'), maxcpu: total('maxcpu'), cpu: used / total('maxcpu'), uptime }
}

/** The zone of local bridges on every node. */
export function networkResources(call: Call): readonly Resource[] {
  if (!may(call, '/sdn/zones/localnetwork', 'SDN.Audit')) return []
  return call.world.nodes().map(({ name }) => ({
    id: `network/${name}/zone/localnetwork`,
    type: 'network',
    network: 'localnetwork',
    'network-type': 'zone',
    node: name,
    status: 'ok',
  }))
}
