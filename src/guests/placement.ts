import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { askProxmox, lastPart, nodesToAsk, shown } from '../core/proxmox-ask.ts'
import { nearest } from '../lib/nearest.ts'
import { refusal } from './guest-now.ts'

type Reader = Pick<Context, 'read' | 'target'>

/** A storage as one node sees it. Sizes in bytes. */
export interface NodeStorage {
  readonly storage: string
  readonly type: string
  readonly content: readonly string[]
  readonly shared: boolean
  readonly isActive: boolean
  readonly free: number | undefined
}

const flag = z.coerce.number().optional()
const storagesReply = z.array(
  z
    .object({
      storage: z.string(),
      type: z.string().default(''),
      content: z.string().default(''),
      shared: flag,
      active: flag,
      avail: z.coerce.number().optional(),
    })
    .transform(
      ({ storage, type, content, shared, active, avail }): NodeStorage => ({
        storage,
        type,
        content: content.split(','),
        shared: shared === 1,
        isActive: active !== 0,
        free: avail,
      }),
    ),
)
const bridgesReply = z.array(z.object({ iface: z.string() }))
const poolsReply = z.array(z.object({ poolid: z.string() }))

/** The node of this name. @throws GatewayError as nodesToAsk */
export async function onlineNode(context: Reader, wanted: string): Promise<string> {
  const { online } = await nodesToAsk(context, wanted)
  return online[0] ?? wanted
}

/** The node that a new guest goes to: the wanted one, the cluster's default, or the only one. @throws GatewayError invalid_input; as nodesToAsk */
export async function nodeFor(context: Reader, wanted: string | undefined): Promise<string> {
  const { online } = await nodesToAsk(context, wanted ?? context.target.defaults?.node)
  const [only, another] = online
  if (only !== undefined && another === undefined) return only
  throw refusal(
    `which node of ${context.target.id} shall it go to?`,
    `say node: ${online.join(', ')}; or set defaults.node of the cluster`,
  )
}

/** The storages that a node has. @throws GatewayError as proxmoxData */
export const storagesOf = (context: Pick<Context, 'read'>, node: string): Promise<readonly NodeStorage[]> =>
  askProxmox(context, `/nodes/${encodeURIComponent(node)}/storage?enabled=1`, storagesReply)

/** What a disk needs of its storage. */
export interface DiskNeed {
  readonly node: string
  readonly storage: string | undefined
  /** `rootdir` for a container, `images` for a virtual machine. */
  readonly content: 'rootdir' | 'images'
  readonly gib: number
}

/** The storage of a new disk: the wanted one, the cluster's default, or the only one that takes it. @throws GatewayError not_found, invalid_input, unreachable */
export function storageFor(
  context: Pick<Context, 'target'>,
  storages: readonly NodeStorage[],
  need: DiskNeed,
): NodeStorage {
  const named = need.storage ?? context.target.defaults?.storage
  const fitting = storages.filter(({ content, isActive }) => content.includes(need.content) && isActive)
  const found = named === undefined ? onlyOne(fitting, need) : storageNamed(storages, lastPart(named), need)
  if (!found.content.includes(need.content))
    throw refusal(
      `storage ${found.storage} takes no ${need.content === 'rootdir' ? 'containers' : 'disks of virtual machines'}`,
      `it holds ${found.content.join(', ')}; ${fittingOnes(fitting, need)}`,
    )
  if (!found.isActive)
    throw new GatewayError('unreachable', `storage ${found.storage} is not available on ${need.node}`, {
      hint: fittingOnes(fitting, need),
    })
  if (found.free !== undefined && found.free < need.gib * 2 ** 30)
    throw refusal(
      `storage ${found.storage} has ${gib(found.free)} GiB free on ${need.node}: too little for ${need.gib} GiB`,
      `make room, take a smaller disk, or another storage; ${fittingOnes(fitting, need)}`,
    )
  return found
}

const gib = (bytes: number): number => Math.floor((bytes / 2 ** 30) * 10) / 10

const fittingOnes = (fitting: readonly NodeStorage[], { node, content }: DiskNeed): string =>
  fitting.length === 0
    ? `no storage on ${node} that the token may see takes ${content}`
    : `on ${node} fit: ${fitting.map(({ storage, free }) => `${storage}${free === undefined ? '' : ` (${gib(free)} GiB free)`}`).join(', ')}`

function onlyOne(fitting: readonly NodeStorage[], need: DiskNeed): NodeStorage {
  const [only, another] = fitting
  if (only !== undefined && another === undefined) return only
  throw refusal(
    `which storage of ${need.node} shall the disk go to?`,
    `say storage, or set defaults.storage of the cluster; ${fittingOnes(fitting, need)}`,
  )
}

/** @throws GatewayError not_found */
export function storageNamed(
  storages: readonly NodeStorage[],
  name: string,
  { node }: Pick<DiskNeed, 'node'>,
): NodeStorage {
  const found = storages.find(({ storage }) => storage === name)
  if (found !== undefined) return found
  throw unknown(`storage ${shown(name)} on ${node}`, name, {
    known: storages.map(({ storage }) => storage),
    blind: 'the token may see no storage there (needs Datastore.Audit on /storage)',
  })
}

/** The bridge of a new network card: the wanted one, the cluster's default, vmbr0, or the only one. @throws GatewayError not_found, invalid_input */
export async function bridgeFor(context: Reader, node: string, wanted: string | undefined): Promise<string> {
  const found = await askProxmox(context, `/nodes/${encodeURIComponent(node)}/network?type=any_bridge`, bridgesReply)
  const known = found.map(({ iface }) => iface)
  const named = wanted ?? context.target.defaults?.bridge ?? (known.includes('vmbr0') ? 'vmbr0' : undefined)
  // Who may see no bridge may still be allowed to use it: Proxmox VE tells.
  if (named !== undefined && (known.includes(named) || known.length === 0)) return named
  if (named !== undefined) throw unknown(`bridge ${shown(named)} on ${node}`, named, { known, blind: '' })
  const [only, another] = known
  if (only !== undefined && another === undefined) return only
  throw refusal(
    `which bridge of ${node} shall it be connected to?`,
    known.length === 0 ? 'say bridge' : `say bridge: ${known.join(', ')}; or set defaults.bridge of the cluster`,
  )
}

/** @throws GatewayError not_found */
export async function requirePool(context: Pick<Context, 'read'>, pool: string | undefined): Promise<void> {
  if (pool === undefined) return
  const known = (await askProxmox(context, '/pools', poolsReply)).map(({ poolid }) => poolid)
  if (known.includes(pool)) return
  throw unknown(`pool ${shown(pool)}`, pool, { known, blind: 'the token may see none (needs Pool.Audit on /pool)' })
}

function unknown(
  what: string,
  name: string,
  { known, blind }: { readonly known: readonly string[]; readonly blind: string },
): GatewayError {
  const close = nearest(name, known)
  const guess = close === undefined ? '' : `did you mean ${close}? `
  return new GatewayError('not_found', `no ${what}`, {
    hint: known.length === 0 ? blind : `${guess}there are: ${known.slice(0, 20).join(', ')}`,
  })
}
