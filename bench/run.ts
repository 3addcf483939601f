import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { version } from '../src/lib/version.ts'
import { containerLists } from './containers.ts'
import { quantile, shown, table } from './figures.ts'
import { fleetSections } from './fleet.ts'
import { gate } from './gate.ts'
import { guestChanges } from './guests.ts'
import { manyHosts } from './hosts.ts'
import { installInContainer } from './install.ts'
import { type Load, load } from './load.ts'
import { policyDecisions } from './policy.ts'
import { releaseSizes, startToReady } from './release-size.ts'
import { keepSections, type Section } from './report.ts'
import { ask, cpuSeconds, makePlace, type Place, type Running, startHttp } from './servers.ts'
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
  guests: async () => [{ title: 'Changes of guests', text: await guestChanges(quick) }],
  release: async () => [
    { title: 'Size of a release', text: await releaseSizes() },
    { title: 'Start to ready', text: await startToReady(quick ? 3 : 10) },
  ],
  install: async () => [{ title: 'Installing on a Proxmox VE host', text: await installInContainer(quick ? 1 : 5) }],
  gate: async () => [{ title: 'Who calls', text: await gate(quick) }],
  policy: async () => [{ title: 'Decisions of policy', text: policyDecisions(quick) }],
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
    [
      ...['Tool', 'Clients', 'calls/s', 'bare', 'ratio', 'p50 ms', 'bare', 'p99 ms', 'bare', 'ratio', 'failed'],
      ...['CPU µs a call', 'bare', 'ratio'],
    ],
    rows,
  )
}

interface Sides {
  readonly tailops: Running
  readonly bare: Running
}

interface Turn {
  readonly load: Load
  readonly cpuMicros: number
}

/** Both sides in short turns after a warm-up. Medians, of ratios too: others may use the machine meanwhile. */
async function compared(
  { tailops, bare }: Sides,
  { own, other, clients }: { readonly own: string; readonly other: string; readonly clients: number },
): Promise<string[]> {
  // What runs a program takes its time.
  const [seconds, rounds] = own === other ? [5, quick ? 1 : 3] : [1, quick ? 3 : 7]
  const turn = async (side: Running, tool: string): Promise<Turn> => {
    const before = cpuSeconds(side.pid)
    const measured = await load(side, { tool, clients, seconds })
    return { load: measured, cpuMicros: ((cpuSeconds(side.pid) - before) * 1e6) / measured.perSecond / seconds }
  }
  for (const [side, tool] of [[tailops, own] as const, [bare, other] as const])
    await load(side, { tool, clients, seconds: quick ? 1 : 3 })
  const turns: { readonly a: Turn; readonly b: Turn }[] = []
  for (let round = 0; round < rounds; round++) turns.push({ a: await turn(tailops, own), b: await turn(bare, other) })
  const middle = (of: (turn: Turn) => number) =>
    [
      shown(
        quantile(
          turns.map(({ a }) => of(a)),
          0.5,
        ),
      ),
      shown(
        quantile(
          turns.map(({ b }) => of(b)),
          0.5,
        ),
      ),
      quantile(
        turns.map(({ a, b }) => of(a) / of(b)),
        0.5,
      ).toFixed(2),
      // Where a whole turn was too short for one answer.
    ].map((cell) => (/^(?!0\.00$)\d/.test(cell) ? cell : 'not measured'))
  const failed = turns.reduce((sum, { a, b }) => sum + a.load.failed + b.load.failed, 0)
  return [
    own,
    String(clients),
    ...middle((one) => one.load.perSecond),
    ...middle((one) => one.load.p50Ms).slice(0, 2),
    ...middle((one) => one.load.p99Ms),
    String(failed),
    ...middle((one) => one.cpuMicros),
  ]
}

await main()
