import type { Resource } from '../../src/core/fleet.ts'
import type { FleetStore } from '../../src/core/fleet-ports.ts'

/** Puts clusters of this shape into a store, as if they were looked at now. */
export function keepClusters(
  store: FleetStore,
  at: Date,
  shape: { readonly clusters: number; readonly nodes: number; readonly guests: number },
): void {
  for (let cluster = 0; cluster < shape.clusters; cluster++) {
    const source = `site-${cluster}`
    const put = resourcesOf(source, shape, at)
    const changes = put.map(({ id, kind, facts }) => ({
      at,
      id,
      kind,
      what: 'created' as const,
      fields: Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, [null, fact] as const])),
    }))
    const state = {
      source,
      triedAt: at,
      seenAt: at,
      complete: true,
      gaps: [],
      health: 'up',
      since: at,
      failures: 0,
    } as const
    store.update(source, () => ({ state, put, remove: [], changes }))
  }
}

/** Guests and nodes are those of one cluster; every tenth guest is stopped, every fiftieth has a lock. */
function resourcesOf(
  source: string,
  { nodes, guests }: { readonly nodes: number; readonly guests: number },
  at: Date,
): readonly Resource[] {
  const base = { source, seenAt: at, since: at }
  const node = (index: number): Resource => ({
    ...base,
    id: `node:${source}/pve${index}`,
    kind: 'node',
    facts: { name: `pve${index}`, status: 'online', ip: `10.0.0.${index + 1}` },
    use: { cpu_pct: 12.4, mem_pct: 61.2, disk_pct: 24.9 },
  })
  const storage = (index: number): Resource => ({
    ...base,
    id: `storage:${source}/pve${index}/local`,
    kind: 'storage',
    facts: { name: 'local', node: `pve${index}`, status: 'available' },
    use: { used_pct: 43.3, size_gib: 930 },
  })
  const guest = (index: number): Resource => ({
    ...base,
    id: `pve:${source}/${101 + index}`,
    kind: index % 3 === 0 ? 'qemu' : 'lxc',
    facts: {
      name: `service-${index}`,
      node: `pve${index % nodes}`,
      status: index % 10 === 9 ? 'stopped' : 'running',
      tags: index % 2 === 0 ? ['prod'] : ['test'],
      addresses: [`10.0.${1 + Math.floor(index / 250)}.${index % 250}`],
      ...(index % 50 === 49 && { lock: 'backup' }),
    },
    use: index % 10 === 9 ? {} : { cpu_pct: 1.9, mem_pct: 40.2, uptime_s: 99_999 },
  })
  const times = <T>(count: number, make: (index: number) => T) =>
    Array.from({ length: count }, (_, index) => make(index))
  const head = { ...base, id: `cluster:${source}`, kind: 'cluster', facts: { status: 'quorate' }, use: {} } as const
  return [head, ...times(nodes, node), ...times(nodes, storage), ...times(guests, guest)]
}
