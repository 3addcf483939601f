import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { type Installed, install } from '../support/installed.ts'
import { type Nature, type SshFarm, startSshFarm } from '../support/ssh-farm.ts'

// A test that takes too long would end the processes of all others.
setDefaultTimeout(180_000)

const isLong = process.env['TAILOPS_TEST_LONG'] === '1'
const count = isLong ? 200 : 60
/** More than a narrow fan-out could hold: they must not take the places of those that answer. */
const hangingCount = 20
const limitSeconds = isLong ? 30 : 15

const odd: readonly Nature[] = ['dead', 'dead', 'slow', 'garbage', 'noisy', 'flooding', 'mute', 'wrong key']

/** The codes by which each nature may be told; noise before the answer is read over. */
const codes: Readonly<Record<Nature, readonly string[]>> = {
  healthy: [],
  dead: ['unreachable'],
  hanging: ['unreachable', 'timeout'],
  slow: ['timeout'],
  garbage: ['unexpected_reply', 'operation_failed', 'interrupted'],
  noisy: [],
  flooding: ['unexpected_reply', 'operation_failed', 'interrupted', 'timeout'],
  mute: ['unexpected_reply', 'operation_failed', 'interrupted'],
  'wrong key': ['unreachable', 'credentials_rejected'],
}

let farm: SshFarm
let place: Installed
let client: Client

beforeAll(async () => {
  farm = await startSshFarm(
    shuffled([
      ...odd,
      ...Array.from({ length: hangingCount }, (): Nature => 'hanging'),
      ...Array.from({ length: count - odd.length - hangingCount }, (): Nature => 'healthy'),
    ]),
  )
  const targets = farm.hosts.map(
    ({ name, address, hostKey }) =>
      `  ${name}: { executor: ssh, connection: { host: ${address}, port: ${farm.port}, username: root, key_path: ${farm.keyPath}, host_key: "${hostKey}" }, capabilities: [system:read], constraints: { timeout: ${limitSeconds} }, metadata: { tags: [farm] } }`,
  )
  place = install(() => ['version: "1.0"', 'targets:', ...targets, ''].join('\n'))
  const { url } = await place.serve()
  client = new Client({ name: 'test', version: '1' })
  const headers = { Authorization: `Bearer ${place.mint('admin')}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
})
afterAll(async () => {
  await client?.close()
  await place?.remove()
  await farm?.stop()
})

describe('a fleet of which some are dead, hang or lie', () => {
  test('every host is named as it is, and those that hang delay nobody', async () => {
    const began = performance.now()
    const answer = client.callTool(
      { name: 'get_system_status', arguments: { targets: ['tag:farm'], format: 'json' } },
      { timeout: 120_000 },
    )
    const early = farm.firstGivenUp.then(() => farm.begun())
    const text = textOf(await answer)
    const took = performance.now() - began
    const told = namedIn(await whole(text))
    expect(wrongly(told)).toEqual([])
    const begun = await early
    expect(farm.hosts.filter(({ name, nature }) => nature === 'healthy' && !begun.has(name))).toEqual([])
    expect(took).toBeLessThan(2 * limitSeconds * 1000)
  })
})

const textOf = ({ content: [first] }: Awaited<ReturnType<Client['callTool']>>): string =>
  first?.type === 'text' ? first.text : ''

/** An answer beyond the cap says by which handle all of it is read. */
async function whole(text: string): Promise<string> {
  const { handle }: { readonly handle?: string } = JSON.parse(text)
  if (handle === undefined) return text
  let [all, offset]: [string, number | undefined] = ['', 0]
  while (offset !== undefined) {
    const args = { handle, offset, max_bytes: 49_152, format: 'json' }
    const part = textOf(await client.callTool({ name: 'get_output', arguments: args }))
    const { text: more, next }: { readonly text: string; readonly next?: number } = JSON.parse(part)
    all += more
    offset = next
  }
  return all
}

interface Told {
  readonly code: string | undefined
  readonly hint: string | undefined
  readonly text: string
}

/** What the answer says of each host, folded rows taken apart. */
function namedIn(text: string): ReadonlyMap<string, Told> {
  const { answers = [] }: { readonly answers?: readonly { readonly target: string; readonly error?: unknown }[] } =
    JSON.parse(text)
  const told = new Map<string, Told>()
  for (const { target, ...row } of answers) {
    const shown = JSON.stringify(row)
    for (const [name] of target.matchAll(/host-\d+/g))
      told.set(name, {
        code: /"(?:code|error)":"(\w+)/.exec(shown)?.[1],
        hint: /"hint":"([^"]+)/.exec(shown)?.[1],
        text: shown,
      })
  }
  return told
}

/** Hosts of which the answer does not say what they were made to be. */
const wrongly = (told: ReadonlyMap<string, Told>): readonly string[] =>
  farm.hosts.flatMap(({ name, nature }) => {
    const { code, hint, text } = told.get(name) ?? { code: undefined, hint: undefined, text: 'not named' }
    const isRight =
      codes[nature].length === 0
        ? code === undefined && text !== 'not named'
        : code !== undefined && codes[nature].includes(code) && hint !== undefined
    return isRight ? [] : [`${name} (${nature}): ${text.slice(0, 300)}`]
  })

/** In an order that is the same in each run. */
function shuffled(natures: readonly Nature[]): readonly Nature[] {
  let seed = 20_260
  const keyed = natures.map((nature) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return { nature, key: seed }
  })
  return keyed.toSorted((a, b) => a.key - b.key).map(({ nature }) => nature)
}
