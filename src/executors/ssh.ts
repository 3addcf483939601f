import type { SshConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Executor, Limits, Reconciled, Sent } from '../core/executor.ts'
import type { Operation } from '../core/operation.ts'
import type { Clock } from '../lib/clock.ts'
import { checkArguments } from './arguments.ts'
import { isProbe, performProbe } from './own-probe.ts'
import type { SshLink } from './ssh-link-on-demand.ts'
import type { SshLinks } from './ssh-links.ts'
import { type RemoteRun, runRemotely } from './ssh-run.ts'
import { fileNameOf, forgetTraces, tracesOf } from './ssh-wrapper.ts'

export interface SshOptions {
  readonly id: string
  readonly connection: SshConnection
  readonly links: SshLinks
  /** Texts of our scripts by name. */
  readonly scripts: Readonly<Record<string, string>>
  /** Measures how long operations take. */
  readonly clock: Clock
  readonly sudo?: { readonly policy: 'none' | 'limited' | 'full'; readonly commands: readonly string[] } | undefined
}

const reconcileWithinMs = 20_000
const maxTraceBytes = 256 * 1024

/** Performs operations on a machine over ssh; a write step outlives the connection. */
export function openSsh(options: SshOptions): Executor {
  const link = options.links.use(options.id, options.connection)
  return {
    async perform(operation, limits) {
      if (isProbe(operation))
        return performProbe(operation, limits, { clock: options.clock, dial: dialThrough(options.id, link) })
      const run = runOf(options, link, { operation, limits })
      if (limits.signal.aborted) throw new GatewayError('cancelled', 'the caller cancelled before it began')
      const outcome = await runRemotely(run)
      if (limits.step !== undefined) await forget(options, link, limits.step)
      return outcome
    },
    reconcile: (_operation, sent) =>
      reconcile(options, link, sent).catch((error: unknown) => ({
        state: 'unknown',
        reason: GatewayError.from(error).message,
      })),
    async close() {
      link.release()
    },
  }
}

interface Wish {
  readonly operation: Operation
  readonly limits: Limits
}

function runOf(options: SshOptions, link: SshLink, { operation, limits }: Wish): RemoteRun {
  const argv = argvOf(options, operation)
  checkArguments(argv)
  return {
    id: options.id,
    clock: options.clock,
    link,
    argv,
    stdin: operation.stdin ?? '',
    limits,
    mayBecomeRoot: operation.asRoot === true && mayBecomeRoot(options, argv[0]),
    mayKillAsRoot: mayBecomeRoot(options, 'sh'),
  }
}

/** Reason of a refused channel (RFC 4254 §5.1): the peer itself did not take the connection. */
const connectFailed = 2

/** A connection that the machine's sshd makes for us. Which address may be asked was decided by who asks. */
const dialThrough = (id: string, link: SshLink) => async (address: string, port: number) => {
  try {
    return await link.forward(address, port)
  } catch (error) {
    const { cause } = GatewayError.from(error)
    // The machine itself was not reached.
    if (!(cause instanceof Error && 'reason' in cause)) throw error
    if (cause.reason === connectFailed) throw new Error(`no connection to ${address} port ${port}: ${cause.message}`)
    throw new GatewayError('unsupported_target', `the sshd of ${id} forwards no connections (AllowTcpForwarding)`, {
      hint: 'allow it there, install the program that is missing, or ask from another target',
      cause,
    })
  }
}

function argvOf({ scripts }: SshOptions, operation: Operation): readonly [string, ...string[]] {
  if (operation.kind === 'request')
    throw new GatewayError('internal', 'a machine performs commands and scripts, no requests')
  if (operation.kind === 'command') return operation.argv
  const text = scripts[operation.name]
  if (text === undefined) throw new GatewayError('internal', `there is no script ${operation.name}`)
  return ['sh', '-c', text, 'sh', ...operation.args]
}

function mayBecomeRoot({ sudo }: SshOptions, program: string): boolean {
  return sudo?.policy === 'full' || (sudo?.policy === 'limited' && sudo.commands.includes(program))
}

const ownRun = (options: SshOptions, link: SshLink, argv: readonly string[]): RemoteRun => ({
  id: options.id,
  clock: options.clock,
  link,
  argv,
  stdin: '',
  limits: { signal: new AbortController().signal, timeoutMs: reconcileWithinMs, maxOutputBytes: maxTraceBytes },
  mayBecomeRoot: false,
  mayKillAsRoot: false,
})

/** The outcome is known: traces that stay do no harm, and must not turn a success into a failure. */
async function forget(options: SshOptions, link: SshLink, step: string): Promise<void> {
  const argv = ['sh', '-c', forgetTraces, 'sh', fileNameOf(step)]
  await runRemotely(ownRun(options, link, argv)).catch(() => undefined)
}

/** How a step ended whose end we did not see, from what it left behind. */
async function reconcile(options: SshOptions, link: SshLink, { step, ref = '' }: Sent): Promise<Reconciled> {
  const [pid = '', start = ''] = ref.split(':')
  const argv = ['sh', '-c', tracesOf, 'sh', fileNameOf(step), pid, start, String(maxTraceBytes)]
  const found = await runRemotely(ownRun(options, link, argv))
  const end = found.output.indexOf('\n')
  const [state, code] = found.output.slice(0, end).split(' ')
  if (state === 'running') return { state: 'running' }
  if (state === 'ended') {
    const status = Number(code)
    const outcome = { ...found, ok: status === 0, status, output: found.output.slice(end + 1) }
    return { state: outcome.ok ? 'done' : 'failed', outcome }
  }
  return {
    state: 'unknown',
    reason: pid === '' ? 'it is not known whether it was started' : 'it was started and left no exit code',
  }
}
