import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { version } from '../src/lib/version.ts'
import { shown, table } from './figures.ts'
import { manyHosts } from './hosts.ts'
import { load } from './load.ts'
import { ask, makePlace, type Place, type Running, startHttp } from './servers.ts'
import { memorySlope } from './slope.ts'
import { coldStart } from './start.ts'
import { tokenCosts } from './tokens.ts'

/** `bun run bench` measures all and writes bench/results.md; --quick is shorter; `--only machines` only prints that part. */
process.chdir(resolve(import.meta.dirname, '..'))
const quick = process.argv.includes('--quick')
const onlyMachines = process.argv.join(' ').includes('--only machines')

async function main(): Promise<void> {
  for (const args of [[], ['bench/bare.ts', 'dist/bare']])
    execFileSync('sh', ['.ci/build', ...args], { stdio: 'inherit' })
  if (onlyMachines) return console.log(await manyHosts(quick ? 40 : 200))
  const place = makePlace()
  try {
    const sections = [
      heading,
      '## Cold start to the first `initialize` answer over stdio',
      await coldStart(place, quick ? 5 : 20),
      ...(await overHttp(place)),
      '## Many machines over SSH',
      await manyHosts(quick ? 40 : 200),
    ]
    const text = `${sections.join('\n\n')}\n`
    console.log(text)
    writeFileSync('bench/results.md', text)
  } finally {
    place.remove()
  }
}

const heading = `# Measurements

tailops ${version} on ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, \`bun run bench\`. Beside it \`bare\`: the SDK's low-level server with the same
Bun and the same build flags (bench/bare.ts), without tokens, policy or audit. Ratios count, absolute figures are this machine's.`

async function overHttp(place: Place): Promise<readonly string[]> {
  const sides: Running[] = []
  try {
    for (const side of ['tailops', 'bare'] as const) sides.push(await startHttp(side, place))
    const [tailops, bare] = sides
    if (tailops === undefined || bare === undefined) return []
    const idle = `Idle over HTTP: tailops ${shown(tailops.residentMib())} MiB, bare ${shown(bare.residentMib())} MiB.`
    return [
      idle,
      '## Calls over HTTP',
      await loads(tailops, bare),
      '## Tokens (o200k)',
      await tokenCosts(tailops),
      '## Memory over many calls',
      await memorySlope(tailops, await trivialTool(tailops), quick ? 10_000 : 100_000),
    ]
  } finally {
    for (const side of sides) await side.stop()
  }
}

/** Asks nothing of a machine, where there is such a tool. */
async function trivialTool(tailops: Running): Promise<string> {
  const { tools = [] } = await ask(tailops, 'tools/list', {})
  return tools.some(({ name }) => name === 'list_targets') ? 'list_targets' : 'get_system_status'
}

async function loads(tailops: Running, bare: Running): Promise<string> {
  const trivial = await trivialTool(tailops)
  const pairs = [
    [trivial, 'trivial'],
    ...(trivial === 'get_system_status' ? [] : [['get_system_status', 'get_system_status']]),
  ]
  const rows: string[][] = []
  for (const [own = '', other = ''] of pairs) {
    for (const clients of [1, 10, 100]) rows.push(await compared({ tailops, bare }, { own, other, clients }))
  }
  return table(
    ['Tool', 'Clients', 'calls/s', 'bare', 'ratio', 'p50 ms', 'bare', 'p99 ms', 'bare', 'ratio', 'failed'],
    rows,
  )
}

/** Both sides in turns, the second turn counts. */
async function compared(
  { tailops, bare }: { readonly tailops: Running; readonly bare: Running },
  { own, other, clients }: { readonly own: string; readonly other: string; readonly clients: number },
): Promise<string[]> {
  await load(tailops, { tool: own, clients, seconds: 1 })
  await load(bare, { tool: other, clients, seconds: 1 })
  const seconds = quick ? 2 : 5
  const a = await load(tailops, { tool: own, clients, seconds })
  const b = await load(bare, { tool: other, clients, seconds })
  const ratios = [a.perSecond / b.perSecond, a.p99Ms / b.p99Ms].map((ratio) => ratio.toFixed(2))
  return [
    own,
    String(clients),
    shown(a.perSecond),
    shown(b.perSecond),
    ratios[0] ?? '',
    shown(a.p50Ms),
    shown(b.p50Ms),
    shown(a.p99Ms),
    shown(b.p99Ms),
    ratios[1] ?? '',
    String(a.failed + b.failed),
  ]
}

await main()
