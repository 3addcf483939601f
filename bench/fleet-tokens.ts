import { setTimeout as sleep } from 'node:timers/promises'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { fullToken } from '../tests/support/pve/stand-in.ts'
import { shown, table } from './figures.ts'
import { type FleetBed, type FleetSize, openFleetBed, untilQuiet } from './fleet-bed.ts'
import { startPeer } from './peers.ts'
import { type Running, startHttp, textOf } from './servers.ts'

const polls = 50

/** What the fleet costs a model: once, and followed over a conversation. */
export async function fleetTokens(): Promise<string> {
  // Three nodes with a storage of their own each and one that they share; the cluster itself is no resource of Proxmox VE.
  const small = await measured({ clusters: 1, guests: 36, nodes: 3, interval: 1 })
  const large = await measured({ clusters: 5, guests: 200, nodes: 4, interval: 1 })
  const row = (what: string, { state, rows, peer, busy, calm }: Measured) => [
    what,
    peer === undefined ? '' : (state / peer).toFixed(3),
    state,
    rows,
    peer ?? '',
    ...[calm, busy].flatMap(({ changes, full }) => [`${shown(100 * (1 - changes / full))} %`, `${changes} of ${full}`]),
  ]
  return [
    `Tokens (o200k) of \`get_fleet_state\`, and of conversations that ask ${polls} times: one \`get_fleet_state\` and then \`get_fleet_changes\`, against \`get_fleet_state\` each time. In a calm one a guest starts or stops before every tenth question, in a busy one before each. The peer is @itunified.io/mcp-proxmox's \`proxmox_cluster_resources\`.`,
    table(
      [
        'Fleet',
        'ratio to peer',
        'get_fleet_state',
        'with every row',
        'peer',
        'calm: saved',
        'tokens',
        'busy: saved',
        'tokens',
      ],
      [row('43 resources, 1 cluster', small), row('1,000 guests, 5 clusters', large)],
    ),
    `An answer is cut at 60,000 bytes, which are meant to be 20,000 tokens: every row of 1,000 guests is cut there, at rather more tokens; the summary is not cut.`,
  ].join('\n\n')
}

interface Measured {
  readonly state: number
  readonly rows: number
  readonly peer: number | undefined
  readonly busy: Conversation
  readonly calm: Conversation
}

/** Tokens of asking for changes, and of asking for everything. */
interface Conversation {
  readonly changes: number
  readonly full: number
}

async function measured(size: FleetSize): Promise<Measured> {
  const bed = await openFleetBed(size)
  const tailops = await startHttp('tailops', bed.place, 'admin')
  try {
    await untilSeen(bed, tailops)
    const state = countTokens(await textOf(tailops, 'get_fleet_state', {}))
    const rows = countTokens(await textOf(tailops, 'get_fleet_state', { detail: 'rows' }))
    const [calm, busy] = [await conversation(bed, tailops, 10), await conversation(bed, tailops, 1)]
    return { state, rows, peer: bed.worlds.length === 1 ? await peerTokens(bed) : undefined, calm, busy }
  } finally {
    await tailops.stop()
    await bed.stop()
  }
}

/** Until every cluster has been looked at. */
async function untilSeen(bed: FleetBed, tailops: Running): Promise<void> {
  for (let waited = 0; waited < 120; waited++) {
    const text = await textOf(tailops, 'get_fleet_state', {})
    if (bed.worlds.every(({ name }) => text.includes(`cluster: ${name}`)) && !text.includes('yet')) break
    await sleep(500)
  }
  // Addresses and inspections come with the first looks.
  if (bed.worlds.length === 0) await untilQuiet(bed)
  await sleep(3000)
}

/** What both ways cost over the same conversation, with a change before `every` so many questions. */
async function conversation(bed: FleetBed, tailops: Running, every: number): Promise<Conversation> {
  const first = await textOf(tailops, 'get_fleet_state', {})
  let cursor = cursorIn(first)
  let [changes, full] = [countTokens(first), 0]
  for (let poll = 0; poll < polls; poll++) {
    if (poll % every === 0) {
      toggle(bed, poll)
      await sleep(1300)
    }
    const answer = await textOf(tailops, 'get_fleet_changes', { cursor })
    cursor = cursorIn(answer)
    changes += countTokens(answer)
    full += countTokens(await textOf(tailops, 'get_fleet_state', {}))
  }
  return { changes, full }
}

/** Starts or stops a guest, and lets its cluster hear of it. */
export function toggle(
  { worlds, hearNow }: FleetBed,
  turn: number,
): { readonly vmid: number; readonly status: string } {
  const world = worlds[turn % worlds.length]
  const guests = world?.guests() ?? []
  const guest = guests[(turn * 7) % guests.length]
  if (world === undefined || guest === undefined) throw new TypeError('a fleet without guests')
  const status = guest.status === 'running' ? 'stopped' : 'running'
  world.changeGuest(guest.vmid, { status })
  hearNow()
  return { vmid: guest.vmid, status }
}

function cursorIn(text: string): string {
  const [, cursor] = /cursor"?: ?"?([^\s",}]+)/.exec(text) ?? []
  if (cursor === undefined) throw new Error(`no cursor in ${text.slice(0, 300)}`)
  return cursor
}

/** Of the peer's listings of all clusters; undefined when it cannot be had. */
async function peerTokens({ urls }: FleetBed): Promise<number | undefined> {
  let tokens = 0
  for (const [url = ''] of urls.values()) {
    try {
      const peer = await startPeer({
        packageName: '@itunified.io/mcp-proxmox',
        entry: 'dist/index.js',
        env: () => ({ PROXMOX_API_URL: url, PROXMOX_TOKEN_ID: fullToken.id, PROXMOX_TOKEN_SECRET: fullToken.secret }),
      })
      tokens += countTokens(await peer.ask('proxmox_cluster_resources', {}))
      await peer.stop()
    } catch (error) {
      console.error(`@itunified.io/mcp-proxmox: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }
  return tokens
}
