import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import type { Context } from '../../src/core/context.ts'
import { effectOf } from '../../src/core/effect.ts'
import type { Executor, Limits } from '../../src/core/executor.ts'
import type { Operation } from '../../src/core/operation.ts'
import { type Constraints, defaultConstraints } from '../../src/core/target.ts'
import { openLocal } from '../../src/executors/local.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { scripts } from './scripts.ts'

/** A real machine with systemd as its first process. */
export interface Machine {
  readonly executor: Executor
  /** Where its files are on this machine. */
  readonly root: string
  /** The process id of its init on this machine, by which its namespaces are entered. */
  readonly init: string
  /** Runs a program in it and returns what it printed; one that fails throws. */
  run(...argv: readonly string[]): string
  /** Runs a program in it to its end, while this process does other things. */
  ran(...argv: readonly string[]): Promise<Ran>
  spawn(...argv: readonly string[]): ChildProcess
  writeFile(path: string, text: string): void
  stop(): Promise<void>
}

/** How a program of a machine ended. */
export interface Ran {
  readonly code: number | null
  /** What it wrote to stdout, then what it wrote to stderr. */
  readonly text: string
}

/** Debian 12 and 13. */
export type Suite = 'bookworm' | 'trixie'

const tool = join(import.meta.dirname, 'machine.sh')
const run = promisify(execFile)

/** Whether machines can be started here: root on a Linux with systemd-nspawn and mmdebstrap. */
export const canStartMachines = process.getuid?.() === 0 && hasPrograms('systemd-nspawn', 'mmdebstrap')

function hasPrograms(...names: readonly string[]): boolean {
  try {
    for (const name of names) execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Boots a machine; the first one of a suite takes half a minute, since its files are fetched. */
export async function startMachine(suite: Suite = 'bookworm'): Promise<Machine> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-machine-'))
  const folder = join(dir, 'machine')
  const { stdout } = await run('sh', [tool, 'up', folder, suite])
  const enter = ['nsenter', '-t', stdout.trim(), '-a', '--'] as const
  const local = openLocal({
    stepsDir: join(dir, 'steps'),
    scripts: {},
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    uid: 0,
    clock: systemClock,
  })
  const inside = (operation: Operation): Operation => ({ kind: 'command', argv: [...enter, ...argvOf(operation)] })
  return {
    root: join(folder, 'root'),
    init: stdout.trim(),
    executor: {
      perform: (operation: Operation, limits: Limits) => local.perform(inside(operation), limits),
      reconcile: (operation, sent) => local.reconcile(inside(operation), sent),
      close: () => local.close(),
    },
    run: (...argv) => execFileSync(enter[0], [...enter.slice(1), ...argv], { encoding: 'utf8', stdio: 'pipe' }),
    ran: (...argv) => ran([...enter, ...argv]),
    spawn: (...argv) => spawn(enter[0], [...enter.slice(1), ...argv], { stdio: 'ignore' }),
    writeFile: (path, text) => writeFileSync(join(folder, 'root', path), text),
    async stop() {
      await run('sh', [tool, 'down', folder])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function ran([program = '', ...args]: readonly string[]): Promise<Ran> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [code, out, err] = await Promise.all([closed, text(child.stdout), text(child.stderr)])
  return { code, text: out + err }
}

/** A context whose reads are done in the machine. */
export function machineContext({ executor }: Machine, constraints: Partial<Constraints> = {}): Context {
  const signal = AbortSignal.any([])
  return {
    caller: { id: 'cli:0', scopes: [] },
    target: {
      id: 'local',
      kind: 'local',
      tags: [],
      capabilities: [],
      constraints: { ...defaultConstraints, ...constraints },
    },
    signal,
    now: new Date(),
    remembered: () => ({ seenAt: undefined, resources: [] }),
    progress: () => undefined,
    read(operation) {
      if (effectOf(operation) !== 'read') throw new TypeError('a query reads')
      return executor.perform(operation, { signal, timeoutMs: 30_000, maxOutputBytes: 1024 * 1024 })
    },
  }
}

function argvOf(operation: Operation): readonly [string, ...string[]] {
  if (operation.kind === 'request') throw new TypeError('a machine performs no requests')
  if (operation.kind === 'command') return operation.argv
  const text = scripts[operation.name]
  if (text === undefined) throw new TypeError(`there is no script ${operation.name}`)
  return ['sh', '-c', text, 'sh', ...operation.args]
}
