import { describe, expect, test } from 'bun:test'
import { type ApiRequest, answer } from '../../src/demo/answer.ts'
import { methods } from '../../src/demo/api.ts'
import { demoClusters } from '../../src/demo/fleet.ts'
import { seededRandom } from '../../src/demo/seeded.ts'
import type { World } from '../../src/demo/world.ts'
import { movedClock } from '../support/moved-clock.ts'
import { checkReplyOf, checkRequest, documented } from '../support/pve/schema.ts'

describe('every method is the documented one', () => {
  for (const { method, path, permissions, proxied, refusesTokens } of methods) {
    const known = documented[path]?.[method]
    test(`${method} ${path}`, () => {
      expect({ permissions, proxied: proxied === true, refusesTokens: refusesTokens === true }).toEqual({
        permissions: known?.permissions as typeof permissions,
        proxied: known?.proxyto === 'node',
        refusesTokens: known?.allowtoken === 0,
      })
    })
  }

  test('no method stands twice in the table', () => {
    const names = methods.map(({ method, path }) => `${method} ${path}`)
    expect(names).toEqual([...new Set(names)])
  })
})

describe('every reply of the simulated fleet has the documented type', () => {
  const clusters = demoClusters(movedClock(new Date('2026-11-21T12:00:00Z')), seededRandom(7))
  for (const { world, tokenId, tokenSecret } of clusters) {
    const headers = { authorization: `PVEAPIToken=${tokenId}=${tokenSecret}` }
    for (const path of readablePaths(world)) {
      test(`${world.name} ${path.asked}`, () => {
        const request: ApiRequest = { method: 'GET', path: path.asked, headers, params: path.params, hasBody: false }
        const [first] = world.nodes()
        const { status, body } = answer({ world, methods, checkParameters: checkRequest }, first?.name ?? '', request)
        const data = JSON.parse(JSON.stringify(body?.data ?? null))
        expect(path.mayFail && status >= 500 ? [] : [status, ...checkReplyOf('GET', path.template, data)]).toEqual(
          path.mayFail && status >= 500 ? [] : [200],
        )
      })
    }
  }
})

interface Asked {
  readonly template: string
  readonly asked: string
  readonly params: Readonly<Record<string, string>>
  /** Nodes that are off, agents that are silent. */
  readonly mayFail: boolean
}

/** Every reading method, on every thing that it can be asked of. */
function readablePaths(world: World): readonly Asked[] {
  return methods
    .filter(({ method }) => method === 'GET')
    .flatMap(({ path }) => subjectsOf(world, path).map((subject) => askedOf(path, subject)))
}

function askedOf(template: string, subject: Readonly<Record<string, string>>): Asked {
  const asked = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(subject[name] ?? ''))
  const params: Record<string, string> = template.endsWith('rrddata') ? { timeframe: 'hour' } : {}
  if (template.endsWith('/feature')) params['feature'] = 'snapshot'
  if (template.endsWith('/extractconfig')) params['volume'] = subject['volume'] ?? ''
  if (template.endsWith('exec-status')) params['pid'] = '101'
  return { template, asked, params, mayFail: subject['state'] === 'offline' || template.includes('/agent/') }
}

function subjectsOf(world: World, path: string): readonly Readonly<Record<string, string>>[] {
  const kind = path.includes('/lxc/') ? 'lxc' : 'qemu'
  const stateOf = (name: string): string => world.node(name)?.state ?? ''
  if (path.includes('{vmid}')) {
    const guests = world.guests().filter((guest) => guest.kind === kind)
    return guests.flatMap(({ vmid, node, snapshots }) => {
      const guest = { vmid: String(vmid), node, state: stateOf(node) }
      return path.includes('{snapname}') ? snapshots.map(({ name }) => ({ ...guest, snapname: name })) : [guest]
    })
  }
  if (path.includes('{upid}')) return world.tasks.list().map(({ upid, node }) => ({ upid, node, state: stateOf(node) }))
  if (path.includes('{poolid}')) return [...world.pools.keys()].map((poolid) => ({ poolid }))
  const nodes = world.nodes().map(({ name, state }) => ({ node: name, state }))
  if (path.includes('{storage}')) {
    return nodes.flatMap((node) => [...world.storages.keys()].map((storage) => ({ ...node, storage })))
  }
  if (path.endsWith('/extractconfig')) return nodes.map((node) => ({ ...node, volume: aBackup(world) }))
  return path.includes('{node}') ? nodes : [{}]
}

const aBackup = (world: World): string =>
  [...world.storages.values()].flatMap(({ volumes }) => volumes['*'] ?? []).find(({ content }) => content === 'backup')
    ?.volid ?? ''
