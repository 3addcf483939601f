import { z } from 'zod'
import type { Context } from './context.ts'
import { GatewayError } from './errors.ts'
import { get } from './operation.ts'
import { proxmoxData } from './proxmox-reply.ts'

type Reader = Pick<Context, 'read'>

/** The `data` of a GET of the Proxmox VE API; its path, every part encoded, names it in errors. @throws GatewayError as proxmoxData */
export async function askProxmox<S extends z.ZodType>({ read }: Reader, path: string, schema: S): Promise<z.output<S>> {
  return proxmoxData(await read(get(path)), schema, decodeURIComponent(path.replace(/\?.*$/, '')))
}

/** The same; what the token may not read is a value, not an end. @throws GatewayError */
export async function askAllowed<S extends z.ZodType>(
  context: Reader,
  path: string,
  schema: S,
): Promise<z.output<S> | GatewayError> {
  try {
    return await askProxmox(context, path, schema)
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'denied') return error
    throw error
  }
}

/** What several questions brought, and which had no answer and why: `pve2: offline`. */
export interface Asked<K, T> {
  readonly found: readonly { readonly of: K; readonly value: T }[]
  readonly notRead: readonly string[]
}

/** Asks about each; one that fails stops no other. @throws GatewayError the only failure, when none had an answer */
export async function askEach<K, T>(
  items: readonly K[],
  nameOf: (item: K) => string,
  ask: (item: K) => Promise<T>,
): Promise<Asked<K, T>> {
  const errors: GatewayError[] = []
  const all = await Promise.all(
    items.map(async (item) => {
      try {
        return { of: item, value: await ask(item) }
      } catch (error) {
        const known = GatewayError.from(error)
        errors.push(known)
        return `${nameOf(item)}: ${known.message}`
      }
    }),
  )
  const [first] = errors
  if (first !== undefined && errors.length === items.length && items.length === 1) throw first
  return {
    found: all.flatMap((one) => (typeof one === 'string' ? [] : [one])),
    notRead: all.flatMap((one) => (typeof one === 'string' ? [one] : [])),
  }
}

const nodesReply = z.array(z.object({ node: z.string(), status: z.string().optional() }))

/** The nodes that can be asked, and a line for each of the others. Everybody may list them. */
export interface NodesToAsk {
  readonly online: readonly string[]
  /** `riga: offline` */
  readonly notRead: readonly string[]
}

/** The named node, or all of the cluster. @throws GatewayError not_found, unreachable, invalid_input */
export async function nodesToAsk(context: Reader, wanted?: string): Promise<NodesToAsk> {
  const all = await askProxmox(context, '/nodes', nodesReply)
  const isOnline = (status: string | undefined) => status === undefined || status === 'online'
  if (wanted === undefined)
    return {
      online: all.flatMap(({ node, status }) => (isOnline(status) ? [node] : [])).toSorted(),
      notRead: all.flatMap(({ node, status }) => (isOnline(status) ? [] : [`${node}: ${status}`])).toSorted(),
    }
  const name = lastPart(wanted)
  const found = all.find(({ node }) => node === name)
  if (found === undefined) {
    const names = all.map(({ node }) => node).join(', ')
    throw new GatewayError('not_found', `no node ${shown(wanted)} in this cluster`, {
      hint: `its nodes: ${names}; for a node of another cluster say cluster`,
    })
  }
  if (isOnline(found.status)) return { online: [name], notRead: [] }
  throw new GatewayError('unreachable', `node ${name} is ${found.status}`, {
    hint: 'bring the node back first; asking another node makes no difference',
  })
}

/** The name in an id of ours: `node:home/pve1` → `pve1`. */
export const lastPart = (id: string): string => (/^(?:pve|node|storage):/.test(id) ? id.replace(/^.*\//, '') : id)

/** A caller's text for an error message. */
export const shown = (text: string): string => JSON.stringify(text.slice(0, 80))

/** What an empty list may mean for a token without rights, which gets 200 and nothing. */
export const blindNote = (what: string, privilege: string, path = '/'): string =>
  `${what}: there are none, or the token may not see them (needs ${privilege}: pveum acl modify ${path} --tokens 'TOKENID' --roles PVEAuditor, and for its user)`
