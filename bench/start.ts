import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile, shown, table } from './figures.ts'
import { binaries, type Place, residentMib, type Side, stdioArgs } from './servers.ts'

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } },
}

interface Start {
  readonly milliseconds: number
  readonly idleMib: number
}

/** From spawn to the first `initialize` answer over stdio, the two sides in turns; and resident memory half a second later. */
export async function coldStart(place: Place, times: number): Promise<string> {
  const starts: Record<Side, Start[]> = { tailops: [], bare: [] }
  for (let round = 0; round <= times; round++) {
    for (const side of ['tailops', 'bare'] as const) {
      const start = await startOnce(side, place)
      if (round > 0) starts[side].push(start) // the first one warms the page cache
    }
  }
  const rows = (['tailops', 'bare'] as const).map((side) => {
    const milliseconds = starts[side].map((start) => start.milliseconds)
    const mib = starts[side].map((start) => start.idleMib)
    return [side, shown(quantile(milliseconds, 0.5)), shown(quantile(milliseconds, 0.9)), shown(quantile(mib, 0.5))]
  })
  return table(['', 'p50 ms', 'p90 ms', 'idle memory MiB'], rows)
}

async function startOnce(side: Side, { env }: Place): Promise<Start> {
  const began = performance.now()
  const child = spawn(binaries[side], [...stdioArgs[side]], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.write(`${JSON.stringify(initialize)}\n`)
  await once(child.stdout, 'data')
  const milliseconds = performance.now() - began
  await sleep(500)
  const idleMib = residentMib(child.pid)
  child.stdin.end()
  await once(child, 'exit')
  return { milliseconds, idleMib }
}
