import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantile } from './figures.ts'
import type { Running } from './servers.ts'

/** What a number of clients got, each asking again as soon as it is answered. */
export interface Load {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
}

export interface Asking {
  readonly tool: string
  readonly clients: number
  readonly seconds: number
}

const bodyOf = (tool: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: {} } })

const hasWrk = spawnSync('wrk', ['-v']).error === undefined

/** By wrk where it is installed, else by a loop of our own, which costs both sides the same. */
export const load = (running: Running, asking: Asking): Promise<Load> =>
  hasWrk ? loadByWrk(running, asking) : loadByLoop(running, asking)

async function loadByWrk(running: Running, { tool, clients, seconds }: Asking): Promise<Load> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-wrk-'))
  try {
    const script = join(dir, 'post.lua')
    const headers = Object.entries(running.headers).map(([name, value]) => `wrk.headers["${name}"] = "${value}"\n`)
    writeFileSync(script, `wrk.method = "POST"\nwrk.body = [==[${bodyOf(tool)}]==]\n${headers.join('')}${report}`)
    const args = ['-t1', `-c${clients}`, `-d${seconds}s`, '--timeout', '30s', '-s', script, running.url]
    const { stdout, stderr } = spawnSync('wrk', args, { encoding: 'utf8' })
    const [, figures] = /^figures (.*)$/m.exec(stdout) ?? []
    if (figures === undefined) throw new Error(`wrk failed: ${stderr}`)
    return JSON.parse(figures)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const report = `done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('figures {"perSecond":%f,"p50Ms":%f,"p99Ms":%f,"failed":%d}\\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
`

async function loadByLoop(running: Running, { tool, clients, seconds }: Asking): Promise<Load> {
  const end = performance.now() + seconds * 1000
  const { times, failed } = await askUntil(running, tool, clients, () => performance.now() < end)
  return { perSecond: times.length / seconds, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), failed }
}

/** A number of clients that ask as long as `more` says so. */
export async function askUntil(
  { url, headers }: Running,
  tool: string,
  clients: number,
  more: () => boolean,
): Promise<{ readonly times: readonly number[]; readonly failed: number }> {
  const times: number[] = []
  const body = bodyOf(tool)
  let failed = 0
  const client = async (): Promise<void> => {
    while (more()) {
      const began = performance.now()
      const response = await fetch(url, { method: 'POST', headers, body })
      await response.arrayBuffer()
      times.push(performance.now() - began)
      if (!response.ok) failed += 1
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return { times, failed }
}
