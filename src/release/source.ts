import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { GatewayError } from '../core/errors.ts'

/** Where a release is read from. What it gives is not believed. */
export interface ReleaseSource {
  /** For people: a URL or a folder. */
  readonly name: string
  /** The manifest as it was signed, and its signature. @throws GatewayError unreachable, not_found */
  manifest(): Promise<{ readonly content: Uint8Array; readonly signature: string }>
  /** A file of the release, at most `maxBytes` of it. @throws GatewayError unreachable, not_found, unexpected_reply */
  file(name: string, version: string, maxBytes: number): Promise<Uint8Array>
}

/** As the global fetch, with no more than we use. */
export type Fetch = (
  url: string,
  init: { readonly redirect: 'manual'; readonly signal: AbortSignal },
) => Promise<Response>

/** What is asked of the web. */
export interface Wanted {
  readonly projectUrl: string
  readonly channel: string
  /** Instead of the newest of the channel. */
  readonly version?: string | undefined
}

const maxManifestBytes = 256 * 1024
const manifestName = 'manifest.json'

/** The releases of the project, in the layout of GitHub: `latest` is the newest stable one, the tag `beta` is moved. */
export function webSource({ projectUrl, channel, version }: Wanted, fetch: Fetch): ReleaseSource {
  const releases = `${projectUrl}/releases`
  const newest = channel === 'stable' ? `${releases}/latest/download` : `${releases}/download/${channel}`
  const from = version === undefined ? newest : `${releases}/download/v${version}`
  const get = (url: string, maxBytes: number) => download(url, maxBytes, fetch)
  return {
    name: from,
    async manifest() {
      const content = await get(`${from}/${manifestName}`, maxManifestBytes)
      const signature = await get(`${from}/${manifestName}.minisig`, maxManifestBytes)
      return { content, signature: Buffer.from(signature).toString('utf8') }
    },
    file: (name, of, maxBytes) => get(`${releases}/download/v${of}/${name}`, maxBytes),
  }
}

/** A folder with a release in it, or one of the files of such a folder. */
export function folderSource(path: string): ReleaseSource {
  const folder = statOf(path)?.isDirectory() === false ? dirname(path) : path
  const read = (name: string, maxBytes: number): Uint8Array => {
    const file = join(folder, basename(name))
    const size = statOf(file)?.size
    if (size === undefined) {
      throw new GatewayError('not_found', `${file} is not there`, {
        hint: 'a release is manifest.json, manifest.json.minisig and the file for this machine in one folder',
      })
    }
    if (size > maxBytes) throw tooLong(file, maxBytes)
    return readFileSync(file)
  }
  return {
    name: folder,
    manifest: async () => ({
      content: read(manifestName, maxManifestBytes),
      signature: Buffer.from(read(`${manifestName}.minisig`, maxManifestBytes)).toString('utf8'),
    }),
    file: async (name, _version, maxBytes) => read(name, maxBytes),
  }
}

const statOf = (path: string) => statSync(path, { throwIfNoEntry: false })

const withinMs = 600_000
const maxHops = 5

async function download(url: string, maxBytes: number, fetch: Fetch): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(withinMs)
  try {
    const response = await follow(url, signal, fetch)
    return await bodyOf(response, url, maxBytes)
  } catch (error) {
    if (error instanceof GatewayError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new GatewayError('unreachable', `cannot get ${url}: ${why}`, {
      hint: 'check the network, or fetch the release elsewhere and use tailops update --from FOLDER',
      cause: error,
    })
  }
}

/** Every hop by https: a signature protects what we install, not what we ask for. */
async function follow(url: string, signal: AbortSignal, fetch: Fetch): Promise<Response> {
  let at = url
  for (let hop = 0; hop <= maxHops; hop++) {
    if (new URL(at).protocol !== 'https:') {
      throw new GatewayError('denied', `${at} is not https`, { hint: 'releases are fetched by https alone' })
    }
    const response = await fetch(at, { redirect: 'manual', signal })
    const to = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || to === null) return response
    await response.body?.cancel()
    at = new URL(to, at).href
  }
  throw new GatewayError('unexpected_reply', `${url} was redirected more than ${maxHops} times`)
}

async function bodyOf(response: Response, url: string, maxBytes: number): Promise<Uint8Array> {
  if (response.status === 404) {
    throw new GatewayError('not_found', `${url} is not there (404)`, { hint: 'is there such a version?' })
  }
  if (response.status !== 200 || response.body === null) {
    throw new GatewayError('unreachable', `${url} answered ${response.status}`, { hint: 'try again later' })
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLong(url, maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const tooLong = (what: string, maxBytes: number): GatewayError =>
  new GatewayError('unexpected_reply', `${what} is longer than ${maxBytes} bytes`, {
    hint: 'the release is damaged or not what it says it is; fetch it again',
  })
