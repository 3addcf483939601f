import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import type { Call } from '../src/gateway/request.ts'
import { systemClock } from '../src/lib/clock.ts'
import { openDoor } from '../src/server/door.ts'
import { render } from '../src/server/render.ts'
import { type ClustersWorld, openClustersWorld } from '../tests/support/clusters-world.ts'
import { alice } from '../tests/support/gateway-world.ts'
import { quantile, shown, table } from './figures.ts'

const batchOf = 50
const storages = [
  {
    name: 'local-zfs',
    type: 'zfspool',
    content: ['images', 'rootdir'],
    shared: false,
    size: 2 ** 40,
    used: {},
    volumes: {},
  },
]

/** Changes of guests on a simulated cluster, whose tasks take as long as their real ones at best: what the gateway adds. */
export async function guestChanges(quick: boolean): Promise<string> {
  const runs = quick ? 2 : 5
  const [bare, guarded] = await inWorld(async (world) => {
    const each: Measured[][] = [[], []]
    for (let run = 0; run < runs; run++) {
      each[0]?.push(await reboot(world, {}))
      each[1]?.push(await reboot(world, { snapshotFirst: true }))
    }
    return each.map(middleOf)
  })
  const one = await inWorld((world) =>
    stopAll(world, async (ask) => [await ask('tag:many', { batch: { size: 10, max_failures: 1 } })]),
  )
  const single = await inWorld((world) =>
    stopAll(world, async (ask) => {
      const texts: string[] = []
      for (let vmid = 101; vmid <= 100 + batchOf; vmid++) texts.push(await ask(String(vmid), {}))
      return texts
    }),
  )
  if (bare === undefined || guarded === undefined) throw new TypeError('two sides were measured')
  const row = (what: string, { ms, tasksMs, requests }: Measured) => [
    what,
    shown(ms),
    shown(tasksMs),
    shown(ms - tasksMs),
    requests,
  ]
  return [
    `A restart of one container, and the same with \`snapshot_first\` (snapshot, restart, look at the guest): the median of ${runs}. The tasks are the simulated cluster's own; a task's end is noticed by asking.`,
    table(['Restart', 'ms', 'of them its tasks', 'added', 'requests'], [row('bare', bare), row('guarded', guarded)]),
    `${batchOf} containers stopped by one call (\`tag:many\`, ten at a time) and by ${batchOf} calls one after the other; tokens (o200k) of what a model writes and reads.`,
    table(
      ['Stop', 'ratio of time', 's', 'ratio of tokens', 'tokens', 'requests a guest'],
      [
        [
          'one batch',
          shown(one.ms / single.ms),
          shown(one.ms / 1000),
          shown(one.tokens / single.tokens),
          one.tokens,
          shown(one.requests / batchOf),
        ],
        ['single calls', '1', shown(single.ms / 1000), '1', single.tokens, shown(single.requests / batchOf)],
      ],
    ),
  ].join('\n\n')
}

interface Measured {
  readonly ms: number
  readonly tasksMs: number
  readonly requests: number
}

const middleOf = (all: readonly Measured[]): Measured => {
  const middle = (of: (one: Measured) => number) => quantile(all.map(of), 0.5)
  return {
    ms: middle(({ ms }) => ms),
    tasksMs: middle(({ tasksMs }) => tasksMs),
    requests: middle(({ requests }) => requests),
  }
}

async function inWorld<T>(use: (world: ClustersWorld) => Promise<T>): Promise<T> {
  const guests = Array.from({ length: batchOf }, (_, at) => ({
    vmid: 101 + at,
    node: `pve${1 + (at % 3)}`,
    name: `many-${101 + at}`,
    tags: 'many',
    status: 'running' as const,
    config: { rootfs: `local-zfs:subvol-${101 + at}-disk-0,size=8G` },
  }))
  const world = await openClustersWorld({ clusters: [{ name: 'home', guests, storages }], clock: systemClock })
  try {
    await world.watch.now()
    return await use(world)
  } finally {
    await world.stop()
  }
}

async function reboot(world: ClustersWorld, more: Partial<Call>): Promise<Measured> {
  const requests = world.standIn.requests.length
  const known = new Set(tasksOf(world).map(({ upid }) => upid))
  const began = performance.now()
  const result = await world.ask('proxmox_manage_guest', { guest: '101', action: 'reboot' }, more)
  const ms = performance.now() - began
  if (result.kind !== 'change' || result.status !== 'done') throw new Error(`it ended ${JSON.stringify(result)}`)
  const tasks = tasksOf(world).filter(({ upid }) => !known.has(upid))
  const tasksMs = tasks.reduce((sum, { startedAt, endsAt }) => sum + endsAt - startedAt, 0)
  return { ms, tasksMs, requests: world.standIn.requests.length - requests }
}

const tasksOf = ({ standIn }: ClustersWorld) => standIn.cluster('home').world.tasks.list()

type Ask = (guest: string, more: Partial<Call>) => Promise<string>

async function stopAll(world: ClustersWorld, calls: (ask: Ask) => Promise<readonly string[]>) {
  const tool = world.gateway.tools.find(({ name }) => name === 'proxmox_manage_guest')
  if (tool === undefined) throw new TypeError('there is no proxmox_manage_guest')
  const door = openDoor({ held: [], key: Buffer.alloc(32), outputs: world.state.outputs })
  const began = performance.now()
  const requests = world.standIn.requests.length
  const texts = await calls(async (guest, more) => {
    const input = { guest, action: 'stop' }
    const result = await world.ask(tool.name, input, more)
    const { text } = render(result, { tool, caller: alice, format: 'toon' }, door)
    return `${JSON.stringify({ ...input, ...more })}${text}`
  })
  const ms = performance.now() - began
  const stopped = world.standIn
    .cluster('home')
    .world.guests()
    .filter(({ status }) => status === 'stopped').length
  if (stopped !== batchOf) throw new Error(`${stopped} of ${batchOf} were stopped`)
  return { ms, tokens: countTokens(texts.join('\n')), requests: world.standIn.requests.length - requests }
}
