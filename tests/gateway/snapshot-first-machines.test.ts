import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { capabilities } from '../../src/core/capability.ts'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import { openLocal } from '../../src/executors/local.ts'
import { call, type Gateway } from '../../src/gateway/call.ts'
import type { Call } from '../../src/gateway/request.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { scripts } from '../../src/scripts/index.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { faults } from '../support/pve/faults.ts'
import { turn } from '../support/turn.ts'

setDefaultTimeout(30_000)

const storages = [
  { name: 'local-zfs', type: 'zfspool', content: ['rootdir'], shared: false, size: 2 ** 40, used: {}, volumes: {} },
]
const guests = [
  {
    vmid: 101,
    node: 'pve1',
    name: 'web1',
    status: 'running',
    config: { rootfs: 'local-zfs:subvol-101-disk-0,size=8G' },
  },
] as const

const dirs: string[] = []
let world: ClustersWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

/** This machine stands for the container 101 of a simulated cluster: what is done in it is real, its snapshots are simulated. */
async function open(more: Partial<Target> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-machine-'))
  dirs.push(dir)
  const opened = await openClustersWorld({ clusters: [{ name: 'home', guests, storages }], limitsEndAfterMs: 3000 })
  world = opened
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
  const uid = process.getuid?.() ?? 0
  const local = openLocal({ stepsDir: join(dir, 'steps'), scripts, env, uid, clock: systemClock })
  const machine: Target = {
    id: 'web1',
    kind: 'ssh',
    tags: [],
    capabilities,
    constraints: { ...defaultConstraints, fileRoots: [dir] },
    guest: { cluster: 'home', vmid: 101 },
    ...more,
  }
  const { targets } = opened.gateway
  const gateway: Gateway = {
    ...opened.gateway,
    targets: {
      all: [...targets.all, machine],
      executor: (target) => (target.id === machine.id ? local : targets.executor(target)),
    },
  }
  const file = join(dir, 'motd')
  writeFileSync(file, 'before\n')
  const ask = (more: Partial<Call> = {}) => {
    const tool = gateway.tools.find(({ name }) => name === 'write_file')
    if (tool === undefined) throw new TypeError('no write_file')
    const caller = { id: 'token:ada', scopes: capabilities }
    const input = { path: file, content: 'after\n' }
    const signal = new AbortController().signal
    return call(gateway, { tool, input, caller, signal, targets: ['web1'], snapshotFirst: true, ...more })
  }
  return { ask, file, gateway, world: opened }
}

const effectsOf = ({ standIn }: ClustersWorld) =>
  standIn.effects().flatMap(({ effect }) => (effect === 'accepted' ? [] : [effect]))

test('a file of a machine that is a guest is written after a snapshot of the guest, which its cluster makes', async () => {
  const { ask, file, world: opened } = await open()
  const result = await ask()
  expect(result).toMatchObject({ status: 'done', hint: expect.stringContaining('tailops_1 of web1 (101) is kept') })
  expect(readFileSync(file, 'utf8')).toBe('after\n')
  expect(effectsOf(opened)).toEqual(['snapshot tailops_1 taken'])
})

test('a guest that does not stand afterwards is rolled back', async () => {
  const { ask, world: opened } = await open()
  const at = { method: 'POST', path: /\/snapshot$/, times: 1 }
  // The snapshot is taken, and the guest falls over.
  opened.standIn.fault(faults.slow(1), at)
  const change = ask()
  const stopped = (async () => {
    while (!effectsOf(opened).includes('snapshot tailops_1 taken')) await turn()
    opened.standIn.cluster('home').world.changeGuest(101, { status: 'stopped' })
  })()
  const [result] = await Promise.all([change, stopped])
  expect(result).toMatchObject({ status: 'failed', hint: expect.stringContaining('was rolled back to tailops_1') })
  expect(effectsOf(opened).at(-1)).toBe('rolled back to tailops_1')
  expect(opened.standIn.cluster('home').world.guest(101)?.status).toBe('running')
})

test('without its snapshot nothing is written', async () => {
  const { ask, file, world: opened } = await open()
  opened.standIn.fault(faults.taskFails('no space'), { method: 'POST', path: /\/snapshot$/ })
  expect(await ask()).toMatchObject({ status: 'failed' })
  expect(readFileSync(file, 'utf8')).toBe('before\n')
})

test('a machine that is no guest, or one of no configured cluster, is refused, and nothing is written', async () => {
  const alone = await open({ guest: undefined })
  await expect(alone.ask()).rejects.toMatchObject({
    code: 'unsupported_target',
    hint: expect.stringContaining('connection.guest'),
  })
  expect(readFileSync(alone.file, 'utf8')).toBe('before\n')
  await world?.stop()
  const lost = await open({ guest: { cluster: 'gone', vmid: 101 } })
  await expect(lost.ask()).rejects.toMatchObject({ code: 'unsupported_target' })
})

test('who may write there but not snapshot on the cluster is refused', async () => {
  const { ask, file } = await open()
  const caller = { id: 'token:eve', scopes: ['file:write', 'file:read'] as const }
  await expect(ask({ caller })).rejects.toMatchObject({ code: 'denied' })
  expect(readFileSync(file, 'utf8')).toBe('before\n')
})
