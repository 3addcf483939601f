import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { version } from '../src/lib/version.ts'
import { containerLists } from './containers.ts'
import { shown, table } from './figures.ts'
import { fleetSections } from './fleet.ts'
import { manyHosts } from './hosts.ts'
import { load } from './load.ts'
import { releaseSizes, startToReady } from './release-size.ts'
import { keepSections, type Section } from './report.ts'
import { ask, makePlace, type Place, type Running, startHttp } from './servers.ts'
import { soak } from './soak.ts'
import { coldStart } from './start.ts'
import { tokenCosts } from './tokens.ts'

/**
 * `bun run bench` measures all and writes bench/results.md. `--quick` is shorter; `--only machines`, `--only fleet` and
 * so on measure that part and replace its sections alone.
 */
process.chdir(resolve(import.meta.dirname, '..'))
const quick = process.argv.includes('--quick')
const only = /--only[ =](\w+)/.exec(process.argv.join(' '))?.[1]

const parts: Readonly<Record<string, () => Promise<readonly Section[]>>> = {
  server: serverAlone,
  machines: async () => [
    { title: 'Machines over SSH', text: await manyHosts(quick ? 40 : 200) },
    { title: 'Containers', text: await containerLists() },
  ],
  fleet: () => fleetSections(quick),
  release: async () => [
    { title: 'Size of a release', text: await releaseSizes() },
    { title: 'Start to ready', text: await startToReady(quick ? 3 : 10) },
  ],
  soak: async () => [{ title: 'Memory over many calls', text: await soak(quick ? 20_000 : 200_000) }],
}

async function main(): Promise<void> {
  if (only !== undefined && parts[only] === undefined)
    throw new Error(`--only takes ${Object.keys(parts).join(', ')}, not ${only}`)
  for (const args of [[], ['bench/bare.ts', 'dist/bare']])
    execFileSync('sh', ['.ci/build', ...args], { stdio: 'inherit' })
  for (const [name, measure] of Object.entries(parts)) {
    if (only !== undefined && only !== name) continue
    const sections = await measure()
    for (const { title, text } of sections) console.log(`## ${title}\n\n${text}\n`)
    keepSections('bench/results.md', heading, sections)
  }
}

const heading = `# Measurements

tailops ${version} on ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, \`bun run bench\`. Ratios count, absolute figures are this machine's.
\`bare\` is the SDK's low-level server with the same Bun and the same build flags (bench/bare.ts), without tokens, policy or audit.`

async function serverAlone(): Promise<readonly Section[]> {
  const place = makePlace()
  try {
    const start = await coldStart(place, quick ? 5 : 20)
    return [
      { title: 'Cold start to the first `initialize` answer over stdio', text: start },
      ...(await overHttp(place)),
    ]
  } finally {
    place.remove()
  }
}

async function overHttp(place: Place): Promise<readonly Section[]> {
  const sides: Running[] = []
  try {
    for (const side of ['tailops', 'bare'] as const) sides.push(await startHttp(side, place))
    const [tailops, bare] = sides
    if (tailops === undefined || bare === undefined) return []
    const idle = `Idle over HTTP: tailops ${shown(tailops.residentMib())} MiB, bare ${shown(bare.residentMib())} MiB.`
    return [
      { title: 'Calls over HTTP', text: `${idle}\n\n${await loads(tailops, bare)}` },
      { title: 'Tokens (o200k)', text: await tokenCosts(tailops) },
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
