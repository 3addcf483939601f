import type { Limits, Reconciled } from '../core/executor.ts'
import { get, type Operation, type Outcome, type Request } from '../core/operation.ts'
import { type Pull, pullAfter, pullBegun, pullEnd, pullFailure, pullProgress } from '../formats/docker-pull.ts'
import { engineMessage } from '../formats/docker-reply.ts'
import type { Clock } from '../lib/clock.ts'

/** A request that pulls: its image as people name it, and whether that is one certain image. */
export interface PullRequest {
  readonly image: string
  readonly isPinned: boolean
}

const tellEveryMs = 400
/** A line is some hundred characters; more without an end is not the engine's. */
const maxLineLength = 65_536

/** Undefined for what is no pull. The path may have the prefix of an API version. */
export function pullOf(operation: Operation): PullRequest | undefined {
  if (operation.kind !== 'request' || operation.method !== 'POST') return undefined
  const [, query] = /^(?:\/v[\d.]+)?\/images\/create\?(.*)$/.exec(operation.path) ?? []
  if (query === undefined) return undefined
  const parameters = new URLSearchParams(query)
  const name = parameters.get('fromImage')
  const tag = parameters.get('tag')
  if (name === null) return undefined
  const isPinned = tag?.startsWith('sha256:') === true
  return { image: tag === null ? name : `${name}${isPinned ? '@' : ':'}${tag}`, isPinned }
}

/** Reads what the engine tells of a pull to its end. An error among its lines makes it a failure, with the status 500. */
export async function pulled(
  body: AsyncIterable<Uint8Array>,
  { image }: PullRequest,
  { limits, clock }: { readonly limits: Pick<Limits, 'onProgress'>; readonly clock: Clock },
): Promise<Omit<Outcome, 'durationMs'>> {
  let pull: Pull = pullBegun
  let told = { at: Number.NEGATIVE_INFINITY, message: '' }
  for await (const line of linesOf(body)) {
    pull = pullAfter(pull, line)
    const at = clock.elapsedMs()
    if (pull.layers.size === 0 || at - told.at < tellEveryMs) continue
    const message = `pulling ${shortened(image)}: ${pullProgress(pull)}`
    if (message !== told.message) limits.onProgress?.(message)
    told = { at, message }
  }
  const failure = pull.error === undefined ? undefined : pullFailure(shortened(image), pull.error)
  const output = pullEnd(pull)
  if (failure === undefined) return { ok: true, status: 200, output, errorOutput: '', truncated: false }
  return { ok: false, status: 500, output, errorOutput: `${failure.note}; ${failure.hint}`, truncated: false }
}

/** The answer to a pull that did not begin, with what it means in its error output. */
export function pullRefused<T extends Omit<Outcome, 'durationMs'>>({ image }: PullRequest, answer: T): T {
  const { note, hint } = pullFailure(shortened(image), engineMessage(answer.output))
  return { ...answer, errorOutput: `${note}; ${hint}` }
}

/** What became of a pull whose end was lost: whether the image is there. Of a tag, only that it is not there says something. */
export async function reconciledPull(
  { image, isPinned }: PullRequest,
  look: (request: Request) => Promise<Outcome>,
): Promise<Reconciled> {
  const found = await look(get(`/images/${image}/json`))
  if (found.status === 404) {
    const errorOutput = `the pull did not come to its end: ${shortened(image)} is not there`
    return { state: 'failed', outcome: { ...found, output: '', errorOutput } }
  }
  if (found.ok && isPinned) {
    const [, digest] = image.split('@')
    return { state: 'done', outcome: { ...found, output: pullEnd({ ...pullBegun, digest }) } }
  }
  return { state: 'unknown', reason: `whether ${image} is the old or the new one cannot be told` }
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let pending = ''
  for await (const chunk of body) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n')
    pending = (lines.pop() ?? '').slice(0, maxLineLength)
    yield* lines
  }
  yield pending
}

const shortened = (image: string): string => image.replace(/(@sha256:[\da-f]{12})[\da-f]+$/, '$1')
