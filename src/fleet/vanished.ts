import { GatewayError } from '../core/errors.ts'
import type { Resource, Seen } from '../core/fleet.ts'
import type { ClusterLook } from './cluster-look.ts'
import { inParallel } from './in-parallel.ts'

/**
 * Known guests and storages that a list no longer shows, and that are there all the same: a right was taken from the token,
 * or their node is silent. What is really gone is left out. One request each.
 */
export async function missing(
  { known, read }: Pick<ClusterLook, 'known' | 'read'>,
  seen: readonly Seen[],
): Promise<{ readonly seen: readonly Seen[]; readonly gaps: readonly string[] }> {
  const ids = new Set(seen.map(({ id }) => id))
  const vanished = known.filter(
    ({ id, kind }) => !ids.has(id) && (kind === 'lxc' || kind === 'qemu' || kind === 'storage'),
  )
  const found = await inParallel(vanished, async (resource) => ({ resource, why: await whyHidden(resource, read) }))
  const hidden = found.flatMap(({ resource, why }) => (why === undefined ? [] : [{ resource, why }]))
  return {
    seen: hidden.map(({ resource: { id, kind, facts } }) => ({
      id,
      kind,
      facts: { ...facts, status: 'unknown' },
    })),
    gaps: hidden.map(({ resource, why }) => `${resource.id} is hidden from the token: ${why}`),
  }
}

/** Undefined when it is gone. */
async function whyHidden({ id, kind, facts }: Resource, read: ClusterLook['read']): Promise<string | undefined> {
  const name = encodeURIComponent(id.split('/').at(-1) ?? '')
  const node = typeof facts['node'] === 'string' ? encodeURIComponent(facts['node']) : undefined
  // Nothing more can be asked of a shared storage without a node.
  if (node === undefined) return undefined
  const path =
    kind === 'storage' ? `/nodes/${node}/storage/${name}/status` : `/nodes/${node}/${kind}/${name}/status/current`
  try {
    const { ok, status, errorOutput } = await read(path)
    if (status === 403) return errorOutput.split('\n')[0]
    // 595 to 599: its node does not answer.
    if (status >= 595) return errorOutput.split('\n')[0]
    return ok ? 'it is not listed' : undefined
  } catch (error) {
    return GatewayError.from(error).message
  }
}
