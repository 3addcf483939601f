import type { Guest } from './guest.ts'

/** Values for keys of a guest's configuration; `undefined` deletes one. */
export type ConfigChanges = Readonly<Record<string, string | number | undefined>>

const mib = 1024 ** 2

/** A guest with other values in its configuration, wherever it keeps them. */
export function configured(guest: Guest, changes: ConfigChanges): Guest {
  const own = guest.kind === 'lxc' ? ['hostname', 'tags', 'memory'] : ['name', 'tags', 'memory', 'cores']
  const config = Object.entries({ ...guest.config, ...changes }).flatMap(([key, value]) =>
    value === undefined || own.includes(key) ? [] : [[key, value] as const],
  )
  return { ...guest, ...ownFields(guest, changes), config: Object.fromEntries(config) }
}

/** The fields of a guest that are keys of its configuration. The cores of a container, which may be left out, stand in both. */
function ownFields(guest: Guest, changes: ConfigChanges): Partial<Guest> {
  const name = guest.kind === 'lxc' ? 'hostname' : 'name'
  const has = (key: string) => Object.hasOwn(changes, key)
  return {
    ...(has(name) && { name: String(changes[name] ?? `${guest.kind === 'lxc' ? 'CT' : 'VM'}${guest.vmid}`) }),
    ...(has('tags') && { tags: changes['tags'] === undefined ? undefined : String(changes['tags']) }),
    ...(has('memory') && { memory: Number(String(changes['memory'] ?? 512).replace(/^current=/, '')) * mib }),
    ...(has('cores') && { cpus: Number(changes['cores'] ?? 1) }),
  }
}

const plugged: Readonly<Record<Guest['kind'], RegExp>> = {
  lxc: /^(description|onboot|startup|protection|hostname|cores|tags|memory|swap|cpulimit|cpuunits|net\d+)$/,
  qemu: /^(description|onboot|startup|protection|name|shares|tags|vmstatestorage|cpulimit|cpuunits|balloon|tablet|net\d+|ci\w+|nameserver|searchdomain|sshkeys|ipconfig\d+)$/,
}

/** Changes of a guest now: while it runs, what cannot be plugged waits for its next start. Source: vmconfig_hotplug_pending, 9.2. */
export function changed(guest: Guest, changes: ConfigChanges): Guest {
  if (guest.status === 'stopped') return configured(guest, changes)
  const isNow = (key: string) => plugged[guest.kind].test(key)
  const now = Object.fromEntries(Object.entries(changes).filter(([key]) => isNow(key)))
  const later = Object.fromEntries(Object.entries(changes).filter(([key]) => !isNow(key)))
  const left = Object.entries(guest.pending ?? {}).filter(([key]) => !Object.hasOwn(now, key))
  const pending = { ...Object.fromEntries(left), ...later }
  return { ...configured(guest, now), pending: Object.keys(pending).length === 0 ? undefined : pending }
}

/** A guest as its next start finds it. */
export function started(guest: Guest): Guest {
  return guest.pending === undefined ? guest : { ...configured(guest, guest.pending), pending: undefined }
}
