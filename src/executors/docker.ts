import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Executor, Limits, Reconciled, Sent } from '../core/executor.ts'
import { get, type Operation, type Outcome, type Request } from '../core/operation.ts'
import { type Clock, within } from '../lib/clock.ts'
import { follow } from '../lib/follow.ts'
import { parseJson } from '../lib/json.ts'
import { clientOf, type Engine, type EngineClient, type EngineWay, placeOf } from './docker-connect.ts'
import { controlOf, reconciledBy, runOf } from './docker-container-state.ts'
import { failureOf } from './docker-failure.ts'
import { pulled, pullOf, pullRefused, reconciledPull } from './docker-pull.ts'
import { plainBody, streamsOf } from './docker-stream.ts'

/** The newest API that our tools were written for. */
const newestApi = '1.47'
const connectWithinMs = 10_000
const reconcileWithinMs = 10_000

/** Performs requests of the Docker Engine API, each on a connection of its own. The API version is agreed once, with the first. */
export function openDocker(id: string, connection: EngineWay, clock: Clock): Executor {
  const engine: Engine = { id, connection, clock, place: placeOf(connection) }
  let api: Promise<string> | undefined
  const agreed = async (limits: Limits): Promise<string> => {
    api ??= agreeOn(engine, limits)
    const agreeing = api
    try {
      return await agreeing
    } catch (error) {
      if (api === agreeing) api = undefined
      const isOthers = GatewayError.from(error).code === 'cancelled' && !limits.signal.aborted
      if (!isOthers) throw error
      return agreed(limits)
    }
  }
  const send = async (request: Request, limits: Limits): Promise<Outcome> => {
    const path = `/v${await agreed(limits)}${request.path}`
    try {
      return await exchange(engine, { ...request, path }, limits)
    } catch (error) {
      // The engine may come back as another version.
      api = undefined
      throw error
    }
  }
  return {
    async perform(operation, limits) {
      const request = requestOf(operation)
      if (limits.signal.aborted) throw cancelled()
      const control = limits.step === undefined ? undefined : controlOf(request)
      const run = control && runOf(await send(get(`/containers/${control.container}/json`), limits))
      if (run !== undefined) limits.onRef?.(run)
      return send(request, limits)
    },
    reconcile: (operation, sent) => reconcile(send, operation, sent),
    async close() {
      // Nothing of its own is kept open between operations.
      connection.link?.release()
    },
  }
}

type Send = (request: Request, limits: Limits) => Promise<Outcome>

function requestOf(operation: Operation): Request {
  if (operation.kind !== 'request')
    throw new GatewayError('internal', `a Docker engine performs requests, no ${operation.kind}s`)
  if (!isPath(operation.path)) {
    const shown = JSON.stringify(operation.path.slice(0, 200))
    throw new GatewayError('invalid_input', `${shown} is no path of the Docker API`)
  }
  return operation
}

/** Encoded, and without parts that lead elsewhere: empty ones, `.` and `..`. */
const isPath = (path: string): boolean =>
  /^(\/[^/?]+)+(\?.*)?$/.test(path) && /^[\x21-\x7e]+$/.test(path) && !/[#\\]|\/(\.|%2e){1,2}([/?]|$)/i.test(path)

const versionReply = z.object({ ApiVersion: z.string(), MinAPIVersion: z.string().optional() })

/** The newest API version that both know. @throws GatewayError unreachable: the operation itself was not sent */
async function agreeOn(engine: Engine, limits: Limits): Promise<string> {
  const timeoutMs = Math.min(engine.connection.connectTimeoutMs ?? connectWithinMs, limits.timeoutMs)
  const outcome = await exchange(engine, get('/version'), { ...limits, timeoutMs, maxOutputBytes: 65_536 }).catch(
    (error: unknown) => {
      const failure = GatewayError.from(error)
      if (failure.code !== 'timeout' && failure.code !== 'interrupted') throw failure
      throw new GatewayError(
        'unreachable',
        `${engine.place} gave no answer of a Docker engine within ${timeoutMs} ms`,
        {
          hint: 'is the engine running there? connection.timeout is the limit',
          cause: failure,
        },
      )
    },
  )
  const { data } = versionReply.safeParse(parseJson(outcome.output))
  if (data === undefined) {
    throw new GatewayError(
      'unexpected_reply',
      `${engine.place} did not answer as a Docker engine does (${outcome.status})`,
      {
        hint:
          outcome.status === 400
            ? 'if it speaks TLS, set tls_verify: true and cert_path in its connection'
            : 'does connection name the socket or port of a Docker engine?',
      },
    )
  }
  if (isOlder(newestApi, data.MinAPIVersion ?? '1.12')) {
    throw new GatewayError(
      'unsupported_target',
      `${engine.id} wants API ${data.MinAPIVersion} or newer; this version knows ${newestApi}`,
      {
        hint: 'update TailOps',
      },
    )
  }
  return isOlder(data.ApiVersion, newestApi) ? data.ApiVersion : newestApi
}

/** Whether `1.9` is older than `1.41`. */
function isOlder(one: string, other: string): boolean {
  const [major = 0, minor = 0] = one.split('.').map(Number)
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number)
  return major === otherMajor ? minor < otherMinor : major < otherMajor
}

/** One request and its whole answer, within its time. */
async function exchange(engine: Engine, request: Request, limits: Limits): Promise<Outcome> {
  const { clock, place } = engine
  const began = clock.elapsedMs()
  const over = follow(limits.signal)
  let client: EngineClient | undefined
  try {
    client = await clientOf(engine, over.signal, limits.timeoutMs)
    const answering = answerTo(client, request, { limits, signal: over.signal, clock })
    answering.catch(() => undefined)
    const ms = limits.timeoutMs - (clock.elapsedMs() - began)
    const answer = await within({ clock, ms, signal: limits.signal }, answering)
    if (answer !== undefined) return { ...answer, durationMs: clock.elapsedMs() - began }
    throw limits.signal.aborted ? cancelled() : late(limits.timeoutMs)
  } catch (error) {
    if (limits.signal.aborted) throw cancelled()
    throw error instanceof GatewayError ? error : ((await client?.refusal()) ?? failureOf(place, error))
  } finally {
    over.release()
    over.abort()
    client?.close()
  }
}

const cancelled = () => new GatewayError('cancelled', 'the caller cancelled')

const late = (ms: number) =>
  new GatewayError('timeout', `no end within ${ms} ms`, { hint: 'constraints.timeout of the target is the limit' })

interface Bounds {
  readonly limits: Limits
  readonly signal: AbortSignal
  readonly clock: Clock
}

async function answerTo(client: EngineClient, request: Request, bounds: Bounds): Promise<Omit<Outcome, 'durationMs'>> {
  const response = await responseTo(client, request, bounds.signal)
  const stop = () => response.destroy()
  bounds.signal.addEventListener('abort', stop, { once: true })
  const status = response.statusCode ?? 0
  const { maxOutputBytes } = bounds.limits
  const answered = { ok: status >= 200 && status < 400, status }
  const pull = pullOf(request)
  if (answered.ok && pull !== undefined) return pulled(response, pull, bounds)
  if (answered.ok && isStream(request, response)) {
    const { output, errorOutput } = await streamsOf(response, maxOutputBytes)
    const truncated = output.truncated || errorOutput.truncated
    return { ...answered, output: output.text, errorOutput: errorOutput.text, truncated }
  }
  const { text, truncated } = await plainBody(response, maxOutputBytes)
  const answer = { ...answered, output: text, errorOutput: '', truncated }
  return pull === undefined ? answer : pullRefused(pull, answer)
}

/** Before API 1.42 log streams do not say that they are framed. */
const isStream = ({ path }: Request, { headers }: IncomingMessage): boolean =>
  /^application\/vnd\.docker\.(raw|multiplexed)-stream/.test(headers['content-type'] ?? '') ||
  /^\/v[\d.]+\/(containers|services|tasks)\/[^/]+\/logs(\?|$)/.test(path)

async function responseTo(
  { modem }: EngineClient,
  request: Request,
  abortSignal: AbortSignal,
): Promise<IncomingMessage> {
  const { method, body } = request
  // The modem takes the last character of a query without parameters of its own, and adds what `_query` holds.
  const path = request.path.includes('?') && body === undefined ? `${request.path}&` : request.path
  return new Promise((resolve, reject) => {
    const dialled = {
      path,
      method,
      abortSignal,
      isStream: true,
      statusCodes,
      ...(body !== undefined && { options: { _query: {}, _body: body } }),
    }
    modem.dial(dialled, (error: unknown, response: unknown) => {
      if (isResponse(response)) resolve(response)
      else reject(error)
    })
  })
}

/** Each status is an answer. */
const statusCodes: Readonly<Record<string, boolean>> = Object.fromEntries(
  Array.from({ length: 500 }, (_, index) => [100 + index, true]),
)

const isResponse = (value: unknown): value is IncomingMessage =>
  typeof value === 'object' && value !== null && 'statusCode' in value

/** What became of a control request or a pull, by the container or the image itself; of others nothing can be said. */
async function reconcile(send: Send, operation: Operation, { ref }: Sent): Promise<Reconciled> {
  const control = controlOf(operation)
  const pull = pullOf(operation)
  const limits = { signal: AbortSignal.any([]), timeoutMs: reconcileWithinMs, maxOutputBytes: 1024 * 1024 }
  try {
    if (pull !== undefined) return await reconciledPull(pull, (request) => send(request, limits))
    if (control === undefined) return { state: 'unknown', reason: 'the engine keeps no account of requests' }
    return reconciledBy(control, ref, await send(get(`/containers/${control.container}/json`), limits))
  } catch (error) {
    return { state: 'unknown', reason: GatewayError.from(error).message }
  }
}
