import type { PveNode, Storage, Volume } from './parts.ts'
import type { World } from './world.ts'

const placeOf = ({ shared }: Storage, node: string): string => (shared ? '*' : node)

/** What a storage holds, as a node sees it. */
export const volumesOf = (storage: Storage, { name }: Pick<PveNode, 'name'>): readonly Volume[] =>
  storage.volumes[placeOf(storage, name)] ?? []

/** Replaces what a storage holds, as a node sees it; its use follows. */
export function putVolumes(
  world: World,
  { storage, node }: { readonly storage: Storage; readonly node: string },
  volumes: readonly Volume[],
): void {
  const place = placeOf(storage, node)
  const sum = (some: readonly Volume[]) => some.reduce((bytes, { size }) => bytes + size, 0)
  const used = Math.max(0, (storage.used[place] ?? 0) + sum(volumes) - sum(storage.volumes[place] ?? []))
  world.storages.set(storage.name, {
    ...storage,
    used: { ...storage.used, [place]: used },
    volumes: { ...storage.volumes, [place]: volumes },
  })
}
