import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Capability } from '../src/core/capability.ts'
import type { DiscoverySsh } from '../src/core/connection.ts'
import type { FleetStore } from '../src/core/fleet-ports.ts'
import { command } from '../src/core/operation.ts'
import { defaultPolicy } from '../src/core/policy.ts'
import { defaultConstraints, type Target } from '../src/core/target.ts'
import { openContacts } from '../src/executors/contacts.ts'
import { openJobs } from '../src/gateway/jobs.ts'
import { type OpenTargets, openTargets } from '../src/gateway-targets.ts'
import { systemClock } from '../src/lib/clock.ts'
import { logger } from '../src/lib/log.ts'
import { randomId } from '../src/lib/random-id.ts'
import { openState } from '../src/state/open.ts'
import { connectionTo, quietDiscovery } from './support/fleet-world.ts'
import { openStandIn, type StandIn } from './support/pve/stand-in.ts'
import { type Sshd, startSshd } from './support/sshd.ts'

setDefaultTimeout(30_000)

let dir: string
let sshd: Sshd

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tailops-guests-'))
  mkdirSync(join(dir, 'bin'))
  writeFileSync(join(dir, 'bin', 'pct'), '#!/bin/sh\necho "pct $2"\nshift 5\nexec "$@"\n')
  chmodSync(join(dir, 'bin', 'pct'), 0o755)
  sshd = await startSshd([], { PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}` })
})

afterAll(async () => {
  await sshd.stop()
  rmSync(dir, { recursive: true, force: true })
})

interface GuestsWorld {
  readonly standIn: StandIn
  readonly targets: OpenTargets
  guest(id: string): Target
  run(
    target: Target,
    ...argv: readonly [string, ...string[]]
  ): ReturnType<ReturnType<OpenTargets['executor']>['perform']>
  stop(): Promise<void>
}

interface GuestsOptions {
  readonly grants?: readonly Capability[]
  readonly ssh?: DiscoverySsh
}

async function openGuestsWorld({ grants = ['guest:exec'], ssh }: GuestsOptions = {}): Promise<GuestsWorld> {
  const standIn = await openStandIn({
    clusters: [
      {
        name: 'home',
        guests: [
          { vmid: 101, node: 'pve1', name: 'web', status: 'running', tags: 'web' },
          { vmid: 201, node: 'pve1', kind: 'qemu', name: 'vm', status: 'running', config: { agent: 1 } },
        ],
        nodes: [{ name: 'pve1' }, { name: 'pve2' }],
      },
    ],
  })
  const stateDir = mkdtempSync(join(dir, 'state-'))
  const log = logger('error', () => undefined, systemClock.now)
  const alive = { id: 'test', isAlive: () => true }
  const state = openState({ dir: stateDir, now: systemClock.now, newId: randomId, process: alive, log })
  const base = { tags: [], constraints: defaultConstraints }
  const discovery = { ...quietDiscovery, capabilities: ['system:read'] as const, ssh }
  const connection = { ...connectionTo(standIn.cluster('home')), nodes: { pve1: 'node-1' }, discovery }
  const targets = openTargets(
    {
      state,
      log,
      stateDir,
      uid: process.getuid?.() ?? 0,
      process,
      jobs: openJobs(systemClock),
      contacts: openContacts(systemClock),
      sshPool: new Map(),
      startedMs: 0,
      changed: () => undefined,
    },
    {
      policy: defaultPolicy,
      config: {
        gateway: { capabilities: [] },
        targets: [
          { ...base, id: 'home', kind: 'proxmox', cluster: 'home', capabilities: grants, connection },
          { ...base, id: 'node-1', kind: 'ssh', capabilities: grants, connection: sshd.connection() },
        ],
      },
      file: 'none',
      warnings: 0,
    },
    async () => undefined,
  )
  await targets.watch.now()
  if (ssh !== undefined) giveAddress(state.fleet, 'pve:home/101', '127.0.0.1')
  const limits = { signal: new AbortController().signal, timeoutMs: 10_000, maxOutputBytes: 10_000 }
  return {
    standIn,
    targets,
    guest(id) {
      const found = targets.all.find((target) => target.id === id)
      if (found === undefined) throw new TypeError(`no target ${id}`)
      return found
    },
    run: async (target, ...argv) => targets.executor(target).perform(command(argv), limits),
    async stop() {
      await targets.close()
      state.close()
      await standIn.stop()
    },
  }
}

/** Loopback is no address that discovery would note. */
function giveAddress(fleet: FleetStore, id: string, address: string): void {
  fleet.update('home', ({ state, resources }) => {
    if (state === undefined) throw new TypeError('nobody has looked')
    const put = resources.filter((one) => one.id === id)
    const withAddress = put.map((one) => ({ ...one, facts: { ...one.facts, addresses: [address] } }))
    return { state, put: withAddress, remove: [], changes: [] }
  })
}

test('guests that discovery found are targets: a container by its node, a virtual machine by its agent', async () => {
  const world = await openGuestsWorld()
  expect(world.targets.all.map(({ id, alias }) => [id, alias])).toEqual([
    ['gateway', undefined],
    ['home', undefined],
    ['node-1', undefined],
    ['pve:home/101', 'web'],
    ['pve:home/201', 'vm'],
  ])
  expect(await world.run(world.guest('pve:home/101'), 'echo', 'a  b')).toMatchObject({
    ok: true,
    output: 'pct 101\na  b\n',
  })
  expect(await world.run(world.guest('pve:home/201'), 'echo', 'a', 'b')).toMatchObject({ ok: true, output: 'a b\n' })
  expect(await world.run(world.guest('pve:home/201'), 'false')).toMatchObject({ ok: false, status: 1 })
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

test('what does not grant guest:exec carries nothing, and the answer names the line to add', async () => {
  const world = await openGuestsWorld({ grants: ['system:read', 'proxmox:read'] })
  const hint = (id: string) => `the operator can add guest:exec to the capabilities of ${id} in targets.yaml`
  await expect(world.run(world.guest('pve:home/101'), 'id')).rejects.toMatchObject({
    code: 'denied',
    hint: hint('node-1'),
  })
  await expect(world.run(world.guest('pve:home/201'), 'id')).rejects.toMatchObject({
    code: 'denied',
    hint: hint('home'),
  })
  await world.stop()
})

test('where discovery.ssh says how, a guest is reached at its own address, and its host key is held to', async () => {
  const { username, keyPath } = sshd.connection()
  const world = await openGuestsWorld({ grants: [], ssh: { username, port: sshd.port, keyPath, acceptNew: true } })
  expect(await world.run(world.guest('pve:home/101'), 'echo', 'hello')).toMatchObject({ ok: true, output: 'hello\n' })
  await world.stop()
})

test('a guest that vanished after it was chosen is an unknown target', async () => {
  const world = await openGuestsWorld()
  const target = world.guest('pve:home/101')
  world.standIn.cluster('home').world.removeGuest(101)
  await world.targets.watch.now()
  await expect(world.run(target, 'id')).rejects.toMatchObject({ code: 'unknown_target' })
  await world.stop()
})

test('a virtual machine whose agent does not run could not be reached', async () => {
  const world = await openGuestsWorld()
  world.standIn.cluster('home').world.changeGuest(201, { agentAnswers: false })
  await expect(world.run(world.guest('pve:home/201'), 'id')).rejects.toMatchObject({
    code: 'unreachable',
    message: 'the guest agent of pve:home/201 is not running',
  })
  await world.stop()
})

test('a container that moves is reached through the node where it is now', async () => {
  const world = await openGuestsWorld()
  expect(await world.run(world.guest('pve:home/101'), 'true')).toMatchObject({ ok: true })
  world.standIn.cluster('home').world.changeGuest(101, { node: 'pve2' })
  await world.targets.watch.now()
  await expect(world.run(world.guest('pve:home/101'), 'true')).rejects.toMatchObject({
    code: 'unsupported_target',
    message: 'pve:home/101: nothing says how node pve2 is reached',
  })
  await world.stop()
})
