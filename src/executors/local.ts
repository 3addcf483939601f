import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../core/errors.ts'
import type { Executor, Limits, Reconciled, Sent } from '../core/executor.ts'
import type { Operation, Outcome } from '../core/operation.ts'
import type { ScriptName } from '../core/script-name.ts'
import type { Clock } from '../lib/clock.ts'
import { isProcessAlive, processIdentity } from '../lib/process-identity.ts'
import { readCapped } from '../lib/read-capped.ts'
import { checkArguments, tooLong } from './arguments.ts'
import { dialFromHere, isProbe, performProbe } from './own-probe.ts'

export interface LocalOptions {
  /** Where write steps leave their output and exit code; created 0700. */
  readonly stepsDir: string
  /** Texts of our scripts by name. */
  readonly scripts: Readonly<Record<string, string>>
  /** All that a child sees of an environment. */
  readonly env: Readonly<Record<string, string>>
  readonly uid: number
  /** Measures how long operations take. */
  readonly clock: Clock
  readonly sudo?: { readonly policy: 'none' | 'limited' | 'full'; readonly commands: readonly string[] } | undefined
}

type Argv = readonly [string, ...string[]]

/**
 * Runs a write step so that it outlives us: output goes to files, and the exit code is put beside them in one rename
 * once the program has ended, which is never a builtin of sh. `sh BASE PROGRAM ARGS…`
 */
const keepResult = `base=$1; shift
(exec "$@") >"$base.out" 2>"$base.err"
code=$?
printf '%s\\n' "$code" >"$base.new" && mv -f "$base.new" "$base.code"`

const killGraceMs = 2000

/** Performs operations on the machine that the gateway runs on, without a shell between the arguments and the program. */
export function openLocal(options: LocalOptions): Executor {
  return {
    async perform(operation, limits) {
      if (isProbe(operation)) return performProbe(operation, limits, { clock: options.clock, dial: dialFromHere })
      const argv = argvOf(options, operation)
      if (limits.signal.aborted) throw new GatewayError('cancelled', 'the caller cancelled before it began')
      if (limits.step === undefined) return read(options, { argv, operation, limits })
      return write(options, { argv, operation, limits, step: limits.step })
    },
    reconcile: async (_operation, sent) => reconcile(options.stepsDir, sent),
    async close() {
      // Nothing is kept open between operations.
    },
  }
}

interface Run {
  readonly argv: Argv
  readonly operation: Operation
  readonly limits: Limits
}

function argvOf(options: LocalOptions, operation: Operation): Argv {
  if (operation.kind === 'request')
    throw new GatewayError('internal', 'a machine performs commands and scripts, no requests')
  const argv: Argv =
    operation.kind === 'command'
      ? operation.argv
      : ['sh', '-c', textOf(options, operation.name), 'sh', ...operation.args]
  checkArguments(argv)
  if (operation.asRoot !== true || options.uid === 0) return argv
  const { policy = 'none', commands = [] } = options.sudo ?? {}
  const may = policy === 'full' || (policy === 'limited' && commands.includes(argv[0]))
  return may ? ['sudo', '-n', '--', ...argv] : argv
}

function textOf({ scripts }: LocalOptions, name: ScriptName): string {
  const text = scripts[name]
  if (text === undefined) throw new GatewayError('internal', `there is no script ${name}`)
  return text
}

async function read(options: LocalOptions, run: Run): Promise<Outcome> {
  const began = options.clock.elapsedMs()
  const child = start(options, run.argv, ['pipe', 'pipe', 'pipe'])
  const ended = endOf(child)
  giveInput(child, run.operation.stdin)
  const guard = guardOf(child, run.limits)
  // What was never started says nothing; its streams are broken.
  const [stdout, stderr] = child.pid === undefined ? [] : [child.stdout, child.stderr]
  try {
    const [out, err, status] = await Promise.all([
      readCapped(stdout ?? [], run.limits.maxOutputBytes),
      readCapped(stderr ?? [], run.limits.maxOutputBytes),
      ended,
    ])
    guard.throwIfStopped()
    return outcomeOf(status, out, err, options.clock.elapsedMs() - began)
  } finally {
    guard.release()
  }
}

async function write(options: LocalOptions, run: Run & { readonly step: string }): Promise<Outcome> {
  const began = options.clock.elapsedMs()
  mkdirSync(options.stepsDir, { recursive: true, mode: 0o700 })
  const base = basePath(options.stepsDir, run.step)
  const child = start(options, ['sh', '-c', keepResult, 'sh', base, ...run.argv], ['pipe', 'ignore', 'ignore'])
  const ended = endOf(child)
  const identity = child.pid === undefined ? undefined : processIdentity(child.pid)
  if (identity !== undefined) run.limits.onRef?.(identity)
  giveInput(child, run.operation.stdin)
  const guard = guardOf(child, run.limits)
  try {
    await ended
    guard.throwIfStopped()
    const outcome = resultIn(base, run.limits.maxOutputBytes, options.clock.elapsedMs() - began)
    if (outcome === undefined) throw new GatewayError('interrupted', 'the command was killed from outside')
    for (const part of ['out', 'err', 'code']) rmSync(`${base}.${part}`, { force: true })
    return outcome
  } finally {
    guard.release()
  }
}

const basePath = (dir: string, step: string): string => join(dir, step.replaceAll(/[^\w.-]/g, '_').slice(0, 180))

function start({ env }: LocalOptions, [program, ...args]: Argv, stdio: ('pipe' | 'ignore')[]): ChildProcess {
  // A group of its own: ended as a whole by a time limit, and not ended with us.
  try {
    return spawn(program, args, { env: { LC_ALL: 'C', LANG: 'C', ...env }, cwd: '/', stdio, detached: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'E2BIG')) throw error
    throw tooLong('the arguments are more than a program can be started with', error)
  }
}

interface Status {
  readonly status: number
  readonly said?: string | undefined
}

/** The exit code; 128 + signal as in a shell; 127 and 126 for a program that is missing or may not be run. */
function endOf(child: ChildProcess): Promise<Status> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve({ status: 127, said: `${error.path ?? 'program'}: not found` })
      else if (error.code === 'EACCES') resolve({ status: 126, said: `${error.path ?? 'program'}: may not be run` })
      else
        reject(
          new GatewayError('unreachable', `cannot start ${error.path ?? 'a program'}: ${error.code ?? error.message}`, {
            cause: error,
          }),
        )
    })
    child.once('close', (code, signal) => resolve({ status: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15) }))
  })
}

function outcomeOf({ status, said }: Status, out: Text, err: Text, durationMs: number): Outcome {
  return {
    ok: status === 0,
    status,
    output: out.text,
    errorOutput: said ?? err.text,
    truncated: out.truncated || err.truncated,
    durationMs,
  }
}

type Text = Awaited<ReturnType<typeof readCapped>>

/** A program that does not read its input may close it early; that is its own affair. */
function giveInput(child: ChildProcess, text: string | undefined): void {
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(text ?? '')
}

/** Ends the whole group when time is over or the caller cancels: SIGTERM first, SIGKILL two seconds later. */
function guardOf(child: ChildProcess, { signal, timeoutMs }: Limits) {
  let stopped: GatewayError | undefined
  let hard: ReturnType<typeof setTimeout> | undefined
  const stop = (why: GatewayError) => {
    if (stopped !== undefined) return
    stopped = why
    killGroup(child, 'SIGTERM')
    hard = setTimeout(() => killGroup(child, 'SIGKILL'), killGraceMs)
  }
  const cancelled = () => stop(new GatewayError('cancelled', 'the caller cancelled'))
  const timer = setTimeout(
    () =>
      stop(
        new GatewayError('timeout', `no end within ${timeoutMs} ms`, {
          hint: 'constraints.timeout of the target is the limit',
        }),
      ),
    timeoutMs,
  )
  signal.addEventListener('abort', cancelled, { once: true })
  return {
    throwIfStopped() {
      if (stopped !== undefined) throw stopped
    },
    release() {
      clearTimeout(timer)
      if (stopped !== undefined) killGroup(child, 'SIGKILL')
      clearTimeout(hard)
      signal.removeEventListener('abort', cancelled)
    },
  }
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** How a step ended whose end we did not see, from what it left behind. */
function reconcile(stepsDir: string, { step, ref }: Sent): Reconciled {
  const outcome = resultIn(basePath(stepsDir, step), 256 * 1024, 0)
  if (outcome !== undefined) return { state: outcome.ok ? 'done' : 'failed', outcome }
  if (ref === undefined) return { state: 'unknown', reason: 'it is not known whether it was started' }
  if (isProcessAlive(ref)) return { state: 'running' }
  return { state: 'unknown', reason: 'it was started and left no exit code' }
}

function resultIn(base: string, maxBytes: number, durationMs: number): Outcome | undefined {
  const code = textIn(`${base}.code`, 16)
  if (code === undefined) return undefined
  const out = textIn(`${base}.out`, maxBytes)
  const err = textIn(`${base}.err`, maxBytes)
  const none = { text: '', truncated: false }
  return outcomeOf({ status: Number(code.text.trim()) }, out ?? none, err ?? none, durationMs)
}

function textIn(path: string, maxBytes: number): Text | undefined {
  try {
    const fd = openSync(path, 'r')
    try {
      const buffer = Buffer.alloc(maxBytes + 1)
      const length = readSync(fd, buffer, 0, maxBytes + 1, 0)
      return { text: buffer.toString('utf8', 0, Math.min(length, maxBytes)), truncated: length > maxBytes }
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
