import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile, shown, table } from './figures.ts'
import { binaries, makePlace, type Place, residentMib } from './servers.ts'
import { inTurns, run } from './timing.ts'

const mib = (bytes: number): string => shown(bytes / 2 ** 20)

/** What is downloaded and what is installed, by platform. */
export async function releaseSizes(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-bench-release-'))
  try {
    const out = join(dir, 'release')
    await run('node_modules/.bin/bun', ['.ci/release.ts', '--out', out])
    const { files }: { readonly files: readonly Packed[] } = JSON.parse(
      readFileSync(join(out, 'manifest.json'), 'utf8'),
    )
    return table(
      ['platform', 'download MiB', 'executable MiB'],
      files.map(({ target, size, binary_size }) => [target, mib(size), mib(binary_size)]),
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Packed {
  readonly target: string
  readonly size: number
  readonly binary_size: number
}

/** How a started service is after two seconds. */
interface Started {
  readonly readyMs: number
  readonly idleMib: number
}

/** From the start of `serve` to the first yes of /readyz, and resident memory two seconds later; with and without the JIT compiler. */
export async function startToReady(rounds: number): Promise<string> {
  const place = makePlace()
  const memory: Record<'with' | 'without', number[]> = { with: [], without: [] }
  try {
    const once = async (kind: keyof typeof memory, env: Readonly<Record<string, string>>): Promise<number> => {
      const { readyMs, idleMib } = await startOnce(place, env)
      memory[kind].push(idleMib)
      return readyMs
    }
    await once('with', {})
    const times = await inTurns(rounds, {
      with: () => once('with', {}),
      without: () => once('without', { BUN_JSC_useJIT: '0' }),
    })
    const row = (name: string, kind: keyof typeof memory) => [
      name,
      ...[0.5, 0.9].map((share) => shown(quantile(times[kind], share))),
      shown(quantile(memory[kind], 0.5)),
    ]
    return table(
      ['`tailops serve`', 'ready p50 ms', 'p90 ms', 'idle MiB'],
      [row('as installed', 'with'), row('where MemoryDenyWriteExecute forbids the JIT compiler', 'without')],
    )
  } finally {
    place.remove()
  }
}

const port = 18_082

async function startOnce({ env }: Place, more: Readonly<Record<string, string>>): Promise<Started> {
  const began = performance.now()
  const child = spawn(binaries.tailops, ['serve'], {
    env: { ...env, ...more, TAILOPS_LISTEN: `127.0.0.1:${port}` },
    stdio: 'ignore',
  })
  try {
    while (!(await isReady()) && child.exitCode === null) await sleep(2)
    const readyMs = performance.now() - began
    await sleep(2000)
    return { readyMs, idleMib: residentMib(child.pid) }
  } finally {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    await exit
  }
}

const isReady = (): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/readyz`, { headers: { Connection: 'close' } }).then(
    ({ ok }) => ok,
    () => false,
  )
