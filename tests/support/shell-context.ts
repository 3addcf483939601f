import { spawn } from 'node:child_process'
import type { Context } from '../../src/core/context.ts'
import { effectOf } from '../../src/core/effect.ts'
import type { Operation, Outcome } from '../../src/core/operation.ts'
import { defaultConstraints } from '../../src/core/target.ts'
import { readCapped } from '../../src/lib/read-capped.ts'
import { scripts } from './scripts.ts'

/** Shells that our scripts must run on; `busybox sh` is what Alpine and OpenWrt have. */
export const shells = [['dash'], ['busybox', 'sh']] as const

/** A context whose reads are done by a real shell on this machine. */
export function shellContext(shell: readonly [string, ...string[]] = ['sh']): Context {
  return contextOf((operation) => run(operation, shell))
}

/** A context whose every read returns this output: recorded text of another machine. */
export function replayContext(output: string, more: Partial<Outcome> = {}): Context {
  const outcome = { ok: true, status: 0, output, errorOutput: '', truncated: false, durationMs: 1, ...more }
  return contextOf(async () => outcome)
}

function contextOf(read: Context['read']): Context {
  return {
    caller: { id: 'cli:0', scopes: [] },
    target: { id: 'local', kind: 'local', tags: [], capabilities: [], constraints: defaultConstraints },
    signal: new AbortController().signal,
    now: new Date(),
    remembered: () => ({ seenAt: undefined, resources: [] }),
    progress: () => undefined,
    read,
  }
}

async function run(operation: Operation, [shell, ...options]: readonly [string, ...string[]]): Promise<Outcome> {
  if (effectOf(operation) !== 'read') throw new TypeError('a query reads')
  if (operation.kind === 'request') throw new TypeError('a machine performs no requests')
  const began = performance.now()
  const argv =
    operation.kind === 'script' ? ['-c', textOf(operation.name), 'sh', ...operation.args] : operation.argv.slice(1)
  const program = operation.kind === 'script' ? shell : operation.argv[0]
  const child = spawn(program, operation.kind === 'script' ? [...options, ...argv] : argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 137))
  })
  const [out, err, status] = await Promise.all([
    readCapped(child.stdout, 1024 * 1024),
    readCapped(child.stderr, 1024 * 1024),
    ended,
  ])
  return {
    ok: status === 0,
    status,
    output: out.text,
    errorOutput: err.text,
    truncated: out.truncated,
    durationMs: performance.now() - began,
  }
}

function textOf(name: string): string {
  const text = scripts[name]
  if (text === undefined) throw new TypeError(`there is no script ${name}`)
  return text
}
