import { createHash } from 'node:crypto'
import { ApiError } from './api-error.ts'
import { type Call, everybody, isSet, type Method, may, nodeHere, text } from './method.ts'
import type { Storage, Volume } from './parts.ts'
import { guestResource, usedOf } from './resources.ts'

/** Storages, their content, and pools. */
export const storageMethods: readonly Method[] = [
  { method: 'GET', path: '/storage', permissions: everybody, answer: storages },
  { method: 'GET', path: '/nodes/{node}/storage', permissions: everybody, proxied: true, answer: nodeStorages },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/content',
    permissions: { check: ['perm', '/storage/{storage}', ['Datastore.Audit', 'Datastore.AllocateSpace'], 'any', 1] },
    proxied: true,
    answer: content,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/status',
    permissions: { check: ['perm', '/storage/{storage}', ['Datastore.Audit', 'Datastore.AllocateSpace'], 'any', 1] },
    proxied: true,
    answer: status,
  },
  { method: 'GET', path: '/pools', permissions: everybody, answer: pools },
  {
    method: 'GET',
    path: '/pools/{poolid}',
    permissions: { check: ['perm', '/pool/{poolid}', ['Pool.Audit']] },
    answer: pool,
  },
]

const visible = (call: Call) =>
  [...call.world.storages.values()].filter(
    ({ name }) =>
      may(call, `/storage/${name}`, 'Datastore.Audit') || may(call, `/storage/${name}`, 'Datastore.AllocateSpace'),
  )

function storages(call: Call) {
  const type = text(call, 'type')
  const all = visible(call).filter((storage) => type === undefined || storage.type === type)
  const digest = createHash('sha1')
    .update(all.map(({ name }) => name).join())
    .digest('hex')
  const data = all.map((storage) => ({
    storage: storage.name,
    type: storage.type,
    content: storage.content.join(','),
    path: storage.path,
    ...storage.options,
    shared: storage.shared ? 1 : undefined,
    digest,
  }))
  return { data }
}

function nodeStorages(call: Call) {
  const { name } = nodeHere(call)
  const only = text(call, 'storage')
  const holds = text(call, 'content')?.split(/[,;\s]+/)
  const wanted = visible(call).filter(
    (storage) =>
      (only === undefined || storage.name === only) &&
      (storage.nodes === undefined || storage.nodes.includes(name)) &&
      (holds === undefined || storage.content.some((what) => holds.includes(what))),
  )
  const shown = isSet(call, 'enabled') ? wanted.filter(({ inactive }) => inactive !== true) : wanted
  return { data: shown.map((storage) => nodeStorage(storage, name)) }
}

function nodeStorage(storage: Storage, node: string) {
  const { name, type, content: holds, shared, size, inactive } = storage
  const known = { storage: name, type, content: holds.join(','), shared: shared ? 1 : 0, enabled: 1 }
  if (inactive) return { ...known, active: 0, total: 0, used: 0, avail: 0 }
  const used = usedOf(storage, node)
  return { ...known, active: 1, total: size, used, avail: size - used, used_fraction: used / size }
}

function storageHere(call: Call): Storage {
  const name = text(call, 'storage') ?? ''
  const storage = call.world.storages.get(name)
  if (storage === undefined) throw new ApiError(500, `storage '${name}' does not exist`)
  return storage
}

function status(call: Call) {
  return {
    data: { ...nodeStorage(storageHere(call), nodeHere(call).name), storage: undefined, used_fraction: undefined },
  }
}

function content(call: Call) {
  const storage = storageHere(call)
  if (storage.inactive) throw new ApiError(500, `storage '${storage.name}' is not online`)
  const all = storage.volumes[storage.shared ? '*' : nodeHere(call).name] ?? []
  const kind = text(call, 'content')
  const vmid = text(call, 'vmid')
  const wanted = all.filter(
    (volume) =>
      (kind === undefined || volume.content === kind) &&
      (vmid === undefined || String(volume.vmid) === vmid) &&
      mayRead(call, volume),
  )
  return { data: wanted.map(volumeEntry) }
}

/** Backups and disks are shown to those who may see the storage and back the guest up, or who run the storage. */
function mayRead(call: Call, { vmid }: Volume): boolean {
  if (vmid === undefined || may(call, `/storage/${text(call, 'storage')}`, 'Datastore.Allocate')) return true
  return may(call, `/vms/${vmid}`, 'VM.Backup') || may(call, `/vms/${vmid}`, 'VM.Audit')
}

function volumeEntry({ holds: _, ...volume }: Volume) {
  const { content: kind, volid } = volume
  const [, subtype] = /vzdump-(lxc|qemu)-/.exec(volid) ?? []
  const disk = kind === 'images' || kind === 'rootdir' ? { parent: null, used: volume.size } : {}
  return {
    ...volume,
    ...disk,
    subtype: kind === 'backup' ? subtype : undefined,
    protected: volume.protected ? 1 : undefined,
  }
}

function pools(call: Call) {
  const poolid = text(call, 'poolid')
  const seen = [...call.world.pools.values()].filter(({ name }) => may(call, `/pool/${name}`, 'Pool.Audit'))
  if (poolid === undefined) return { data: seen.map(({ name, comment }) => ({ poolid: name, comment })) }
  return { data: [poolOfName(call, poolid)] }
}

function pool(call: Call) {
  return { data: poolOfName(call, text(call, 'poolid') ?? '') }
}

function poolOfName(call: Call, poolid: string) {
  const known = call.world.pools.get(poolid)
  if (known === undefined) throw new ApiError(500, `pool '${poolid}' does not exist`)
  const members = call.world
    .guests()
    .filter((guest) => guest.pool === poolid && may(call, `/vms/${guest.vmid}`, 'VM.Audit'))
  return {
    poolid,
    comment: known.comment,
    members: members.map((guest) => ({ ...guestResource(call.world, guest), pool: undefined, tags: undefined })),
  }
}
