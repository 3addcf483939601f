import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
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
export async function runProgram(run: Run): Promise<Ended> {
  try {
    return await toItsEnd(start(run), run)
  } catch (error) {
    return {
      code: undefined,
      stdout: '',
      stderr: error instanceof Error ? error.message : String(error),
      timedOut: false,
    }
  }
}

type Child = ChildProcessByStdio<null, Readable, Readable>

const start = ({ argv: [program, ...args], env }: Run): Child =>
  spawn(program, args, { env, cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] })

async function toItsEnd(child: Child, { clock, withinMs }: Run): Promise<Ended> {
  const closed = new Promise<number | undefined>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? undefined))
  })
  // What was never started has broken streams; its error tells why.
  if (child.pid === undefined) await closed
  const said = Promise.all([readCapped(child.stdout, maxBytes), readCapped(child.stderr, maxBytes)])
  const inTime = await within(
    { clock, ms: withinMs },
    closed.then((end) => ({ end })),
  )
  if (inTime === undefined) killGroup(child.pid)
  await closed
  const [stdout, stderr] = await said
  return { code: inTime?.end, stdout: stdout.text, stderr: stderr.text, timedOut: inTime === undefined }
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
