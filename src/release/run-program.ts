import { spawn } from 'node:child_process'
import { type Clock, within } from '../lib/clock.ts'
import { readCapped } from '../lib/read-capped.ts'

/** How a program ended. */
export interface Ended {
  /** undefined: it had to be killed, or could not be started. */
  readonly code: number | undefined
  readonly stdout: string
  /** What it said of its failure, or why it could not be started. */
  readonly stderr: string
  readonly timedOut: boolean
}

/** What a program is run with. */
export interface Run {
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly withinMs: number
  readonly clock: Clock
}

const maxBytes = 64 * 1024

/** Runs a program to its end, or kills it with all its children when the time is over. */
export async function runProgram({ argv: [program, ...args], env, withinMs, clock }: Run): Promise<Ended> {
  const child = spawn(program, args, { env, cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = new Promise<number | Error | undefined>((resolve) => {
    child.on('error', resolve)
    child.on('close', (code) => resolve(code ?? undefined))
  })
  const said = Promise.all([readCapped(child.stdout, maxBytes), readCapped(child.stderr, maxBytes)])
  const finished = closed.then((end) => ({ end }))
  const inTime = await within({ clock, ms: withinMs }, finished)
  if (inTime === undefined) killGroup(child.pid)
  const { end } = await finished
  if (end instanceof Error) return { code: undefined, stdout: '', stderr: end.message, timedOut: false }
  const [stdout, stderr] = await said
  return {
    code: inTime === undefined ? undefined : end,
    stdout: stdout.text,
    stderr: stderr.text,
    timedOut: inTime === undefined,
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // It ended by itself in the meantime.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
