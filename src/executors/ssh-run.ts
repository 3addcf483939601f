import { constants } from 'node:os'
import { GatewayError } from '../core/errors.ts'
import type { Limits } from '../core/executor.ts'
import type { Outcome } from '../core/operation.ts'
import { type Clock, within } from '../lib/clock.ts'
import { follow } from '../lib/follow.ts'
import { randomId } from '../lib/random-id.ts'
import { checkLine } from './arguments.ts'
import { lost, unconfirmed } from './ssh-failure.ts'
import type { Channel, SshLink } from './ssh-link-on-demand.ts'
import { patiently } from './ssh-patience.ts'
import { type MarkedStream, markedStream } from './ssh-stream.ts'
import { endGroup, fileNameOf, wrapped } from './ssh-wrapper.ts'

/** A program to run on the other side, and how far it may go. */
export interface RemoteRun {
  readonly id: string
  readonly link: SshLink
  readonly clock: Clock
  readonly argv: readonly string[]
  readonly stdin: string
  readonly limits: Limits
  /** Through sudo, unless the login user is root. */
  readonly mayBecomeRoot: boolean
  /** What must be killed as root, and may. */
  readonly mayKillAsRoot: boolean
}

/** Whom we talk to, from the mark. */
interface Process {
  readonly pid: string
  readonly group: string
  readonly start: string
  readonly uid: string
  readonly state: string
}

interface Running {
  readonly channel: Channel
  readonly out: MarkedStream
  readonly err: MarkedStream
  /** Resolves when the mark has been seen or can no longer come. */
  readonly begun: Promise<Process | undefined>
  /** The exit code; undefined when the channel closed without one. */
  readonly ended: Promise<number | undefined>
  /** Resolves when far more has come than anybody keeps. */
  readonly flooded: Promise<void>
}

const killWithinMs = 5000
/** A program that says more than this beyond what is kept is ended: reading on to drop it would cost us and gain nobody. */
const maxDroppedBytes = 16 * 1024 * 1024

/** Runs it to its end, or ends it on the other side when time is over or the caller goes. */
export async function runRemotely(run: RemoteRun): Promise<Outcome> {
  const { clock, limits } = run
  const began = clock.elapsedMs()
  const over = follow(limits.signal)
  const timer = follow(undefined)
  const late = clock.sleep(limits.timeoutMs, timer.signal).then(() => over.abort('timeout'), nothing)
  try {
    const running = await started(run, over.signal)
    const stopped = aborted(over.signal)
    const ways = [
      running.ended.then(() => 'ended'),
      stopped.then(() => 'stopped'),
      running.flooded.then(() => 'flooded'),
    ]
    const first = await Promise.race(ways)
    if (first === 'flooded') return await endedFlood(run, running, () => clock.elapsedMs() - began)
    if (first === 'stopped') {
      await endThere(run, running)
      throw stopError(run, limits.signal.aborted)
    }
    return await outcomeOf(run, running, clock.elapsedMs() - began)
  } catch (error) {
    throw whenStopped(run, over.signal.aborted, error)
  } finally {
    over.release()
    timer.abort()
    await late
  }
}

/** A read whose start was not confirmed is started again; a write never is. */
function started(run: RemoteRun, signal: AbortSignal): Promise<Running> {
  const again = (error: unknown): boolean => run.limits.step === undefined && !signal.aborted && unconfirmed(error)
  return patiently({ clock: run.clock, tries: 3, pauseMs: () => 50, again }, () => start(run, signal))
}

async function start({ link, argv, stdin, limits, mayBecomeRoot }: RemoteRun, signal: AbortSignal): Promise<Running> {
  const nonce = randomId(16)
  const { step, maxOutputBytes } = limits
  const keep =
    step === undefined ? undefined : { name: fileNameOf(step), inputBytes: Buffer.byteLength(stdin), maxOutputBytes }
  const line = wrapped({ nonce, argv, mayBecomeRoot, keep })
  checkLine(line)
  return link.exec(line, { signal }, (channel) => {
    const [out, err] = [markedStream(nonce, maxOutputBytes), markedStream(nonce, maxOutputBytes)]
    const running = watch(channel, out, err, limits)
    // A program that does not read its input may close it early; that is its own affair.
    channel.on('error', nothing)
    channel.end(stdin)
    return running
  })
}

function watch(channel: Channel, out: MarkedStream, err: MarkedStream, limits: Limits): Running {
  let code: number | undefined
  const begun = Promise.withResolvers<Process | undefined>()
  const ended = Promise.withResolvers<number | undefined>()
  const flooded = Promise.withResolvers<void>()
  const watchFlood = () => out.droppedBytes + err.droppedBytes > maxDroppedBytes && flooded.resolve()
  let isBegun = false
  channel.on('data', (chunk: Buffer) => {
    out.take(chunk)
    watchFlood()
    if (isBegun || out.mark === undefined) return
    isBegun = true
    const process = processOf(out.mark)
    if (process.state === 'ready') limits.onRef?.(`${process.pid}:${process.start}`)
    begun.resolve(process)
  })
  channel.stderr.on('data', (chunk: Buffer) => {
    err.take(chunk)
    watchFlood()
  })
  channel.on('exit', (status: number | null, signal?: string) => {
    code = status ?? 128 + (signals[signal ?? ''] ?? 15)
  })
  channel.on('close', () => {
    begun.resolve(undefined)
    ended.resolve(code)
  })
  return { channel, out, err, begun: begun.promise, ended: ended.promise, flooded: flooded.promise }
}

const signals: Readonly<Record<string, number>> = constants.signals

/** ` 1234 1234:567890 1000 ready`: pid, group and start, uid (`-` where nobody wants to know), state. */
function processOf(mark: string): Process {
  const [pid = '', seen = '', uid = '', state = ''] = mark.trim().split(' ')
  const [group = '', start = ''] = seen.split(':')
  return { pid, group, start, uid, state }
}

async function outcomeOf({ id }: RemoteRun, { out, err, begun, ended }: Running, durationMs: number): Promise<Outcome> {
  const [process, status] = [await begun, await ended]
  if (process === undefined && status !== undefined) throw noShell(id, `${out.noise}\n${err.noise}`)
  if (process === undefined || status === undefined) throw lost(id)
  if (process.state === 'unwritable') {
    throw new GatewayError('operation_failed', `${id}: the result of a change cannot be kept in ~/.tailops/steps`, {
      hint: 'nothing was done; is the home folder of the login user writable, and is there space?',
    })
  }
  if (process.state === 'cut') throw lost(id)
  const [output, errorOutput] = [out.text(), err.text()]
  return {
    ok: status === 0,
    status,
    output: output.text,
    errorOutput: errorOutput.text,
    truncated: output.truncated || errorOutput.truncated,
    durationMs,
  }
}

function noShell(id: string, noise: string): GatewayError {
  const said = noise.split('\n').find((line) => line.trim() !== '')
  return new GatewayError(
    'unexpected_reply',
    `${id}: the login shell did not run sh${said === undefined ? '' : `; it said: ${said.trim().slice(0, 200)}`}`,
    { hint: 'the login user needs a shell that runs commands, and sshd no ForceCommand that ignores them' },
  )
}

/** Ends what says too much, and gives what was kept; a login shell that never came to our program loses its channel. */
async function endedFlood(run: RemoteRun, running: Running, durationMs: () => number): Promise<Outcome> {
  const { id, limits } = run
  const { out, err, channel } = running
  if (out.mark === undefined) {
    channel.destroy()
    throw limits.step === undefined ? noShell(id, out.noise) : lost(id)
  }
  await endThere(run, running)
  if (limits.step !== undefined) throw lost(id)
  return {
    ok: false,
    status: 128 + constants.signals.SIGTERM,
    output: out.text().text,
    errorOutput: `${err.text().text}ended by tailops: more than ${maxDroppedBytes / 1024 / 1024} MiB of output beyond the limit\n`,
    truncated: true,
    durationMs: durationMs(),
  }
}

/** Ends the whole process group there; a program that has not shown itself yet is waited for. */
async function endThere(run: RemoteRun, running: Running): Promise<void> {
  const wait = { clock: run.clock, ms: killWithinMs }
  const process = await within(wait, running.begun)
  const late = follow(undefined)
  const killed = process && (await within(wait, kill(run, process, late.signal).then(yes, yes)))
  if (killed === undefined) run.link.abandon()
  late.abort()
  running.channel.destroy()
}

async function kill(run: RemoteRun, { pid, group, uid }: Process, signal: AbortSignal): Promise<void> {
  const mayBecomeRoot = run.mayBecomeRoot && run.mayKillAsRoot && uid !== '0'
  const line = wrapped({ nonce: randomId(16), argv: ['sh', '-c', endGroup, 'sh', group, pid], mayBecomeRoot })
  const closed = Promise.withResolvers<void>()
  await run.link.exec(line, { signal, isUrgent: true }, (channel) => {
    channel.on('close', () => closed.resolve())
    channel.resume()
    channel.stderr.resume()
    channel.end()
  })
  await closed.promise
}

const stopError = ({ limits }: RemoteRun, isCancelled: boolean) =>
  isCancelled
    ? new GatewayError('cancelled', 'the caller cancelled')
    : new GatewayError('timeout', `no end within ${limits.timeoutMs} ms`, {
        hint: 'constraints.timeout of the target is the limit',
      })

/** An error that came because we stopped it says so; one that means not sent keeps that certainty. */
function whenStopped(run: RemoteRun, isStopped: boolean, error: unknown): unknown {
  if (!isStopped || !(error instanceof GatewayError)) return error
  const isCancelled = run.limits.signal.aborted
  if (error.code === 'interrupted') return stopError(run, isCancelled)
  if (error.code !== 'cancelled' || isCancelled) return error
  return new GatewayError(
    'unreachable',
    `${run.id}: no ssh session within ${run.limits.timeoutMs} ms; nothing was sent`,
    {
      hint: 'it is slow or busy; constraints.timeout of the target is the limit',
      cause: error,
    },
  )
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

const nothing = (): undefined => undefined
const yes = (): true => true
