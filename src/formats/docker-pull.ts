import { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import { plain } from './sections.ts'

/**
 * What is known of a pull after some of its lines. Lines look like
 * `{"status":"Downloading","progressDetail":{"current":4096,"total":91234},"id":"a1b2"}`.
 */
export interface Pull {
  /** Layers by short id. */
  readonly layers: ReadonlyMap<string, Layer>
  readonly digest: string | undefined
  /** What the engine said at the end: `Image is up to date for nginx:1.27`. */
  readonly status: string
  /** Why it failed, in the engine's words. */
  readonly error: string | undefined
}

interface Layer {
  readonly isDone: boolean
  readonly bytes: number
  /** Undefined until its download began, and for those that were there already. */
  readonly totalBytes: number | undefined
}

/** A pull that has said nothing yet. */
export const pullBegun: Pull = { layers: new Map(), digest: undefined, status: '', error: undefined }

const lineReply = z.object({
  status: z.string().optional(),
  id: z.string().optional(),
  progressDetail: z.object({ current: z.number().optional(), total: z.number().optional() }).optional(),
  error: z.string().optional(),
})

/** The pull after one more line; a line that is not understood changes nothing. */
export function pullAfter(pull: Pull, line: string): Pull {
  const { data } = lineReply.safeParse(parseJson(line))
  if (data === undefined) return pull
  if (data.error !== undefined) return { ...pull, error: plain(data.error).slice(0, 500) }
  const status = plain(data.status ?? '').slice(0, 200)
  const [, digest] = /^Digest: (sha256:[0-9a-f]{64})$/.exec(status) ?? []
  if (digest !== undefined) return { ...pull, digest }
  const [, ended] = /^Status: (.*)$/.exec(status) ?? []
  if (ended !== undefined) return { ...pull, status: ended }
  if (data.id === undefined || status.startsWith('Pulling from')) return pull
  const layer = layerAfter(pull.layers.get(data.id), status, data.progressDetail)
  return { ...pull, layers: new Map(pull.layers).set(data.id, layer) }
}

function layerAfter(
  before: Layer = { isDone: false, bytes: 0, totalBytes: undefined },
  status: string,
  { current = 0, total }: { readonly current?: number | undefined; readonly total?: number | undefined } = {},
): Layer {
  if (status === 'Downloading') return { ...before, bytes: current, totalBytes: total ?? before.totalBytes }
  const isDone = status === 'Pull complete' || status === 'Already exists'
  const isHere = isDone || status === 'Download complete' || status === 'Extracting'
  return { ...before, isDone, bytes: isHere ? (before.totalBytes ?? before.bytes) : before.bytes }
}

const mib = (bytes: number): number => Math.round(bytes / 1024 / 1024)

/** How far it is, for people: `3 of 7 layers, 41 of 120 MiB`. */
export function pullProgress({ layers }: Pull): string {
  const all = [...layers.values()]
  const done = all.filter(({ isDone }) => isDone).length
  const bytes = mib(all.reduce((sum, layer) => sum + layer.bytes, 0))
  const total = mib(all.reduce((sum, layer) => sum + (layer.totalBytes ?? 0), 0))
  // The size of a layer is known once its download has begun.
  const isKnown = all.every((layer) => layer.isDone || layer.totalBytes !== undefined)
  return `${done} of ${all.length} layers, ${bytes} ${isKnown ? `of ${total} ` : ''}MiB`
}

/** The end of a pull as JSON; what a pull step has as its output. */
export const pullEnd = (pull: Pull): string =>
  JSON.stringify({
    digest: pull.digest,
    status: pull.status || undefined,
    layers: pull.layers.size,
    downloaded_mib: mib([...pull.layers.values()].reduce((sum, { bytes }) => sum + bytes, 0)),
  })

/** What a pull step has as its output. */
export const pullEndReply = z.object({
  digest: z.string().optional(),
  status: z.string().optional(),
  layers: z.number(),
  downloaded_mib: z.number(),
})

/** Why an image cannot be had, and the next step. */
export interface PullFailure {
  readonly kind: 'missing' | 'refused' | 'unreachable' | 'full' | 'throttled' | 'other'
  readonly note: string
  readonly hint: string
}

/** What an engine's error text about a registry or a pull means. */
export function pullFailure(image: string, said: string): PullFailure {
  const words = plain(said).slice(0, 300)
  const [, kind, what, hint] = kinds.find(([pattern]) => pattern.test(words)) ?? otherwise
  return { kind, note: `${image}: ${what} (${words})`, hint }
}

type Kind = readonly [pattern: RegExp, kind: PullFailure['kind'], what: string, hint: string]

const otherwise: Kind = [/^/, 'other', 'the pull failed', 'look at the log of the engine']

const kinds: readonly Kind[] = [
  [
    /no space left/i,
    'full',
    'the disk of the engine is full',
    'free space first: list_docker_images shows what is unused',
  ],
  [/toomanyrequests|rate limit/i, 'throttled', 'the registry allows no more pulls for now', 'try again later'],
  [
    /unauthorized|authentication required|no basic auth|denied|forbidden|\b40[13]\b/i,
    'refused',
    'the registry refused it: no such repository, or it wants a login',
    'TailOps holds no registry logins: check the name, or pull it on the machine after docker login',
  ],
  [
    /manifest unknown|manifest for .* not found|name unknown|not found|no such image|does not exist|\b404\b/i,
    'missing',
    'the registry has no such image or tag',
    'check name and tag',
  ],
  [
    /connection refused|no such host|timeout|deadline exceeded|unreachable|no route to host|x509|tls|EOF|server misbehaving|server gave HTTP response/i,
    'unreachable',
    'the engine does not reach the registry',
    'check that the registry runs and that the engine reaches it',
  ],
]
