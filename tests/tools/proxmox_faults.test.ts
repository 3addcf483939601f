import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatewayError } from '../../src/core/errors.ts'
import { isAction } from '../../src/core/tool.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { tools } from '../../src/tools/index.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { type Fault, faults } from '../support/pve/faults.ts'

setDefaultTimeout(60_000)

/** Arguments of each read that needs some. */
const args: Record<string, Record<string, unknown>> = {
  proxmox_node_status: { node: 'pve1' },
  proxmox_guest_info: { guest: '101' },
  proxmox_metrics: { of: '101' },
  proxmox_storage_content: { storage: 'local' },
  proxmox_list_snapshots: { guest: '101' },
}

/** Reads that answer with what discovery saw, and say how old it is. */
const remembering = new Set(['proxmox_list_guests', 'proxmox_list_nodes', 'proxmox_guest_info'])
/** Reads for which a cluster that fails is a row of the answer. */
const tolerant = new Set(['proxmox_list_clusters', 'proxmox_cluster_health'])

/** What goes wrong with every request, and the codes that are true for it. Written by hand. */
const table: readonly (readonly [name: string, fault: Fault, codes: readonly string[]])[] = [
  ['the connection is reset before anything happens', faults.reset('before'), ['unreachable', 'interrupted']],
  ['the connection is reset after it happened', faults.reset('after'), ['unreachable', 'interrupted']],
  ['the token is refused', faults.unauthorized(), ['credentials_rejected']],
  ['a right is missing', faults.forbidden('/vms/101, VM.Audit'), ['denied']],
  ['the worker cannot start', faults.serverError(), ['operation_failed']],
  ['the node refuses (595)', faults.refused(), ['unreachable']],
  ['the node hangs (596)', faults.timedOut(), ['unreachable']],
  ['half a reply', faults.half(), ['unexpected_reply', 'interrupted', 'unreachable']],
]

const reads = tools.filter((tool) => tool.targets.every((kind) => kind === 'proxmox') && !isAction(tool))

/** One cluster with one of each thing, that discovery has looked at. */
async function open(options: { readonly limitsEndAfterMs?: number } = {}): Promise<ClustersWorld> {
  const opened = await openClustersWorld({
    ...options,
    clusters: [
      {
        name: 'home',
        storages: [
          {
            name: 'local',
            type: 'dir',
            content: ['iso'],
            shared: false,
            size: 2 ** 36,
            used: { pve1: 2 ** 30 },
            volumes: {},
          },
        ],
        guests: [{ vmid: 101, node: 'pve1', name: 'web', status: 'running', addresses: ['192.0.2.7/24'] }],
      },
    ],
  })
  const pve = opened.standIn.cluster('home').world
  const origin = { method: 'POST', path: '/nodes/pve1/lxc/101/status/start', user: 'root@pam' }
  const task = pve.begin({ node: 'pve1', type: 'vzstart', id: '101', origin }, { durationMs: 1 })
  args['proxmox_task_status'] = { task: task.upid }
  await opened.watch.now()
  return opened
}

let world: ClustersWorld
beforeAll(async () => {
  world = await open()
})
afterEach(() => world.standIn.clearFaults())
afterAll(() => world.stop())

type End = { readonly code: string; readonly error: GatewayError } | { readonly text: string }

async function endOf(tool: string, asked = world): Promise<End> {
  try {
    return { text: textOf(await asked.ask(tool, args[tool] ?? {})) }
  } catch (error) {
    const failure = GatewayError.from(error)
    return { code: failure.code, error: failure }
  }
}

const textOf = (result: CallResult): string =>
  JSON.stringify(
    result.kind === 'query' ? result.answers.map((answer) => ('value' in answer ? answer.value : answer)) : {},
  )

describe.each(reads.map(({ name }) => name))('%s', (tool) => {
  test('answers when nothing is wrong, and asks for nothing undocumented', async () => {
    expect(await endOf(tool)).toHaveProperty('text')
    expect(world.standIn.violations).toEqual([])
  })

  test.each(table.map((row) => [...row] as const))('says the truth when %s', async (_name, fault, codes) => {
    const before = world.standIn.effects().length
    world.standIn.fault(fault)
    const end = await endOf(tool)
    if ('code' in end) {
      expect(codes).toContain(end.code)
      expect(end.error.hint ?? '').not.toBe('')
    } else if (tolerant.has(tool)) {
      expect(end.text).toMatch(/"reachable":"no: /)
      expect(codes.some((code) => end.text.includes(`no: ${code}`))).toBe(true)
    } else {
      expect(remembering.has(tool)).toBe(true)
      expect(end.text).toMatch(/as seen \d+\w ago; the cluster does not answer/)
      expect(end.text).toMatch(/101|pve1/)
    }
    expect(world.standIn.effects().length).toBe(before)
  })
})

describe.each(reads.map(({ name }) => name))('%s, though', (tool) => {
  test('answers all the same when the cluster is slow, and without quorum', async () => {
    world.standIn.fault(faults.slow(1000))
    expect(await endOf(tool)).toHaveProperty('text')
    world.standIn.clearFaults()
    const { world: pve } = world.standIn.cluster('home')
    pve.setQuorumLost(true)
    const end = await endOf(tool)
    pve.setQuorumLost(false)
    expect(end).toHaveProperty('text')
  })
})

describe('when nothing is ever answered', () => {
  let hanging: ClustersWorld
  beforeAll(async () => {
    hanging = await open({ limitsEndAfterMs: 400 })
    hanging.standIn.fault(faults.hang())
  })
  afterAll(() => hanging.stop())

  test.each(reads.map(({ name }) => name))('%s says so, or what was seen before', async (tool) => {
    const end = await endOf(tool, hanging)
    if ('code' in end) expect(['unreachable', 'timeout', 'interrupted']).toContain(end.code)
    else expect(end.text).toMatch(/"reachable":"no: |as seen \d+\w ago; the cluster does not answer/)
  })
})

test('every read of Proxmox is among them', () => {
  expect(reads.length).toBeGreaterThanOrEqual(17)
})
