import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { askEach, askProxmox, shown } from '../core/proxmox-ask.ts'
import { contentReply } from '../formats/proxmox-inventory.ts'
import type { Volume } from '../formats/proxmox-volumes.ts'
import { nearest } from '../lib/nearest.ts'
import { refusal } from './guest-now.ts'
import type { NodeStorage } from './placement.ts'

/** What a new guest is made from, and where it lies. */
export interface SourceNeed {
  readonly node: string
  readonly content: 'vztmpl' | 'iso'
  /** A volid, a file name, or its beginning: `debian-13`. */
  readonly wanted: string
}

/**
 * The template or image that a caller means, of the storages of a node. Of several releases of one name the newest.
 * @throws GatewayError not_found; invalid_input when several are meant; as proxmoxData
 */
export async function sourceVolume(
  context: Pick<Context, 'read'>,
  storages: readonly NodeStorage[],
  need: SourceNeed,
): Promise<Volume> {
  const { node, content, wanted } = need
  const holders = storages.filter((storage) => storage.content.includes(content) && storage.isActive)
  if (holders.length === 0)
    throw refusal(
      `no storage of ${node} holds ${words[content]}`,
      `switch content ${content} on for one of its storages`,
    )
  const asked = await askEach(
    holders,
    ({ storage }) => storage,
    ({ storage }) => askProxmox(context, contentPath(node, storage, content), contentReply),
  )
  const volumes = asked.found.flatMap(({ value }) => value).toSorted((a, b) => (a.volid < b.volid ? -1 : 1))
  const exact = volumes.find(({ volid }) => volid === wanted)
  if (exact !== undefined) return exact
  const meant = volumes.filter((volume) => isMeant(fileOf(volume), wanted.toLowerCase()))
  const newest = newestOfOneName(meant)
  if (newest !== undefined) return newest
  if (meant.length > 0)
    throw refusal(
      `${meant.length} ${words[content]} on ${node} match ${shown(wanted)}`,
      `name one: ${meant.slice(0, 12).map(fileOf).join(', ')}`,
    )
  throw notFound(need, volumes, asked.notRead)
}

const words = { vztmpl: 'container templates', iso: 'ISO images' } as const

const contentPath = (node: string, storage: string, content: string): string =>
  `/nodes/${encodeURIComponent(node)}/storage/${encodeURIComponent(storage)}/content?content=${content}`

const fileOf = ({ volid }: Pick<Volume, 'volid'>): string => volid.replace(/^.*[:/]/, '')

const isMeant = (file: string, wanted: string): boolean => {
  const name = file.toLowerCase()
  return name === wanted || (name.startsWith(wanted) && !/^[a-z0-9]/.test(name.slice(wanted.length)))
}

/** `debian-13-standard_13.1-2_amd64.tar.zst` → `debian-13-standard` */
const nameOf = (volume: Volume): string => fileOf(volume).split('_')[0] ?? ''

function newestOfOneName(meant: readonly Volume[]): Volume | undefined {
  if (new Set(meant.map(nameOf)).size !== 1 || new Set(meant.map(fileOf)).size !== meant.length) {
    const [first] = meant
    // The same file on several storages: any of them will do.
    return first !== undefined && new Set(meant.map(fileOf)).size === 1 ? first : undefined
  }
  return meant.toSorted((a, b) => fileOf(a).localeCompare(fileOf(b), 'en', { numeric: true })).at(-1)
}

function notFound(
  { node, content, wanted }: SourceNeed,
  volumes: readonly Volume[],
  notRead: readonly string[],
): GatewayError {
  const files = volumes.map(fileOf)
  const close =
    nearest(wanted, volumes.map(nameOf)) ?? nearest(wanted, files) ?? files.find((file) => file.includes(wanted))
  const unread = notRead.length === 0 ? '' : `; not read: ${notRead.join('; ')}`
  const few = files.slice(0, 12).join(', ')
  const there =
    files.length === 0
      ? 'there is none: put one on a storage, or the token may not see it (needs Datastore.Audit)'
      : `there are: ${few}`
  return new GatewayError('not_found', `no ${words[content].replace(/s$/, '')} ${shown(wanted)} on ${node}`, {
    hint: `${close === undefined ? '' : `did you mean ${close}? `}${there}${unread}`,
  })
}
