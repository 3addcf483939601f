import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../src/core/context.ts'
import type { Operation, Outcome } from '../../src/core/operation.ts'
import { openLocal } from '../../src/executors/local.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { readCapped } from '../../src/lib/read-capped.ts'
import { scripts } from './scripts.ts'
import { shellContext } from './shell-context.ts'

/** A folder that stands for the PATH of a target which has these programs and no others. */
export interface Userland extends Disposable {
  readonly path: string
}

/** What our scripts need on every target, whichever its userland. */
const always = ['awk', 'sed', 'cut', 'tail', 'head', 'grep', 'cat', 'date', 'id', 'true', 'sh']

/** Makes a userland: `from: '/usr/bin/busybox'` links each program to it, else each is found on this machine. */
export function userland(programs: readonly string[], from?: string): Userland {
  const path = mkdtempSync(join(tmpdir(), 'tailops-userland-'))
  for (const program of [...always, ...programs]) {
    const real = from ?? Bun.which(program)
    if (real === null) throw new TypeError(`${program} is not installed here: see .ci/packages`)
    symlinkSync(real, join(path, program))
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

/** Where the scripts of a probe run. */
export interface Place {
  readonly userland?: Userland | undefined
  /** Name of a network namespace. */
  readonly netns?: string | undefined
  /** Without the right to raw sockets, as an ordinary user is. */
  readonly withoutRawSockets?: boolean | undefined
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Constraint `networks` of the target. */
  readonly networks?: readonly string[] | undefined
}

const limits = { timeoutMs: 10_000, maxOutputBytes: 1024 * 1024 }
/** Asks by itself where a place has no program that could. */
const local = openLocal({ stepsDir: '/nonexistent', scripts: {}, env: {}, uid: 0, clock: systemClock })

/** A context whose scripts run on dash, or on BusyBox's shell where its userland has one, in this place. */
export function probeContext(place: Place = {}): Context {
  const { userland: programs, netns, networks = [], env = {} } = place
  const base = shellContext()
  const target = { ...base.target, constraints: { ...base.target.constraints, networks } }
  const path = programs === undefined ? (process.env['PATH'] ?? '') : programs.path
  const shell = programs === undefined ? '/usr/bin/dash' : join(programs.path, 'sh')
  const variables = Object.entries({ ...env, PATH: path }).map(([name, value]) => `${name}=${value}`)
  const lacking = place.withoutRawSockets ? ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'] : []
  const enter = netns === undefined ? [] : ['nsenter', `--net=/run/netns/${netns}`]
  return {
    ...base,
    target,
    async read(operation: Operation): Promise<Outcome> {
      if (operation.kind === 'request') return local.perform(operation, { ...limits, signal: base.signal })
      if (operation.kind !== 'script') throw new TypeError('a probe runs scripts')
      // The scripts look into the folders of administrators too, which are not part of the userland.
      const text = (scripts[operation.name] ?? '').replace('PATH="$PATH:/usr/sbin:/sbin"', '')
      const argv = [...enter, ...lacking, 'env', ...variables, shell, '-c', text, 'sh', ...operation.args]
      return run(argv)
    },
  }
}

async function run([program = '', ...args]: readonly string[]): Promise<Outcome> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 137))
  })
  const [out, err, status] = await Promise.all([
    readCapped(child.stdout, 1024 * 1024),
    readCapped(child.stderr, 1024 * 1024),
    ended,
  ])
  const { text: output, truncated } = out
  return { ok: status === 0, status, output, errorOutput: err.text, truncated, durationMs: 1 }
}
