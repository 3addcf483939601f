import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { once } from 'node:events'
import type { Tool } from '../../src/core/tool.ts'
import { call } from '../../src/gateway/call.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import installPackage from '../../src/tools/install_package.ts'
import updatePackages from '../../src/tools/update_system_packages.ts'
import { publish, refresh } from '../support/deb-repository.ts'
import { alice, type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'
import { canStartMachines, type Machine, startMachine } from '../support/machine.ts'
import { replayContext } from '../support/shell-context.ts'

setDefaultTimeout(60_000)

const simulated = (list: string, more = '') =>
  replayContext(
    `\x1emanager\napt-get\n\x1einterrupted\n${more}\x1eindex\n1700000000\n\x1elist\n${list}\n\x1eend\n0\n\n`,
  )

const plan = (input: unknown, list: string, more = '') =>
  updatePackages.plan(updatePackages.input.parse(input), simulated(list, more))

describe('a plan of update_system_packages', () => {
  test('pins every package, installs nothing else and removes nothing', async () => {
    const made = await plan({}, 'Inst a [1] (2 D [all])\nInst b (1:2 D [all])\n2 upgraded, and 3 not upgraded.')
    expect(made.summary).toBe('upgrade a 2; install b 1:2; 3 others stay as they are')
    expect(made.basis).toEqual({ manager: 'apt', 'package a': '1 -> 2', 'package b': 'new -> 1:2' })
    expect(made.steps[0]?.do).toMatchObject({ asRoot: true, timeoutMs: 3_600_000 })
    expect(made.steps[0]?.interruptible).toBeUndefined()
    expect(made.steps[0]?.do).toMatchObject({
      argv: expect.arrayContaining(['apt-get', '--no-remove', '--mark-auto', 'install', 'a=2', 'b=1:2']),
    })
    expect(made.preview).toBe('a 1 -> 2\nb new -> 1:2\nindex of 2023-11-14T22:13Z')
  })

  test('without updates says how old the index is', async () => {
    const made = await plan({}, '0 upgraded, 0 newly installed, 0 to remove and 2 not upgraded.')
    expect([made.summary, made.steps]).toEqual([
      'nothing to do by the package index of 2023-11-14T22:13Z; 2 kept back',
      [],
    ])
    expect(updatePackages.report(made, [])).toEqual({})
  })

  test('for security alone leaves the rest', async () => {
    const { summary, steps } = await plan({ security_only: true }, 'Inst app [1] (2 Debian:12/stable [all])')
    expect([summary, steps]).toEqual(['nothing to do by the package index of 2023-11-14T22:13Z', []])
  })

  test('with removals needs leave', async () => {
    const list = 'Remv old [1]\nInst a [1] (2 D [all])'
    await expect(plan({}, list)).rejects.toMatchObject({ code: 'denied', message: 'it would remove old' })
    const made = await plan({ allow_removals: true }, list)
    expect(made.summary).toBe('upgrade a 2; REMOVE old')
    expect(made.steps[0]?.do).toMatchObject({ argv: expect.arrayContaining(['a=2', 'old-']) })
    expect(made.steps[0]?.do).not.toMatchObject({ argv: expect.arrayContaining(['--no-remove']) })
  })

  test('is refused while dpkg has unfinished work, and on machines with an unknown package manager', async () => {
    await expect(plan({}, '', 'yes\n')).rejects.toMatchObject({ message: 'dpkg has unfinished work on local' })
    await expect(
      updatePackages.plan(updatePackages.input.parse({}), replayContext('\x1emanager\nyum\n')),
    ).rejects.toMatchObject({
      code: 'unsupported_target',
      message: 'local has yum; packages are changed with apt, dnf, zypper, pacman or apk',
    })
  })

  test.each(['-y', 'foo-', './a.deb', 'A', 'a=', 'a=-1', 'a b', 'a*', '', 'a/stable'])(
    'takes no package %p',
    (name) => {
      expect(updatePackages.input.safeParse({ packages: [name] }).success).toBe(false)
    },
  )

  test('to refresh counts as a write, and does that alone', async () => {
    const { target } = simulated('')
    expect(updatePackages.riskOf?.({ refresh: true }, target)).toBe('write')
    expect(updatePackages.riskOf?.({}, target)).toBe('destructive')
    await expect(plan({ refresh: true, packages: ['app'] }, '')).rejects.toMatchObject({ code: 'invalid_input' })
  })
})

/** A package whose installation asks a question that has a default. */
const asking = {
  templates: 'Template: app/q\nType: string\nDefault: fallback\nDescription: a question\n',
  config: '#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_input critical app/q || true\ndb_go || true\n',
  postinst: '#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\ndb_get app/q\necho "$RET" >/etc/app.answer\ndb_stop\n',
}

describe.skipIf(!canStartMachines)('packages of a machine with apt', () => {
  let machine: Machine
  let world: GatewayWorld
  const first = { name: 'app', version: '1', conffile: 'a=1\n' }
  const second = { name: 'app', version: '2', conffile: 'a=2\n', control: ['Depends: dep'], scripts: asking }
  const old = { name: 'old', version: '1' }
  const dep = { name: 'dep', version: '1' }

  beforeAll(async () => {
    machine = await startMachine()
    publish(machine, [first, old])
    refresh(machine)
    machine.run('apt-get', '-y', '-q', 'install', 'app', 'old')
    machine.run('apt-mark', 'auto', 'old')
    machine.writeFile('/etc/app.conf', 'a=mine\n')
  }, 240_000)
  afterAll(async () => {
    await machine.stop()
  }, 30_000)
  beforeEach(() => {
    world = openGatewayWorld({ tools: [updatePackages, installPackage] })
  })
  afterEach(async () => {
    await world.stop()
  })

  async function change(tool: Tool, input: Record<string, unknown>, approval?: string): Promise<ChangeResult> {
    const gateway = { ...world.gateway, targets: { all: world.gateway.targets.all, executor: () => machine.executor } }
    const signal = AbortSignal.any([])
    const result = await call(gateway, {
      tool,
      input,
      caller: alice,
      signal,
      ...(approval !== undefined && { approval }),
    })
    if (result.kind !== 'change') throw new TypeError('a change answers as one')
    return result
  }

  async function asked(tool: Tool, input: Record<string, unknown>): Promise<string> {
    const { status, approval = '' } = await change(tool, input)
    expect(status).toBe('approval_required')
    world.state.approvals.decide(approval, 'approved', 'test')
    return approval
  }

  const changed = async (tool: Tool, input: Record<string, unknown>) => change(tool, input, await asked(tool, input))
  const statusOf = (name: string) => machine.run('dpkg', '-s', name)
  const automatic = () => machine.run('apt-mark', 'showauto').split('\n')

  test('are refreshed, upgraded after approval with new dependencies, keeping configuration files and asking nothing', async () => {
    publish(machine, [second, old, dep])
    expect((await changed(updatePackages, { refresh: true })).targets[0]?.output).toEqual({ index: 'refreshed' })
    const result = await changed(updatePackages, {})
    expect(result).toMatchObject({ status: 'done', summary: 'upgrade app 2; install dep 1' })
    expect(result.targets[0]?.output).toEqual({
      packages: [
        { package: 'app', from: '1', to: '2' },
        { package: 'dep', from: '', to: '1' },
      ],
    })
    expect(machine.run('cat', '/etc/app.conf', '/etc/app.answer')).toBe('a=mine\nfallback\n')
    expect(automatic()).toEqual(expect.arrayContaining(['dep', 'old']))
    expect(automatic()).not.toContain('app')
  })

  test('are installed with their dependencies, which count as installed automatically', async () => {
    publish(machine, [
      { name: 'tool', version: '1', control: ['Depends: part'] },
      { name: 'part', version: '1' },
    ])
    refresh(machine)
    expect(await changed(installPackage, { packages: ['tool'] })).toMatchObject({ status: 'done' })
    expect(automatic()).toContain('part')
    expect(automatic()).not.toContain('tool')
    expect((await change(installPackage, { packages: ['tool'] })).summary).toContain('nothing to do')
  })

  test('are not changed when what was approved is no longer offered', async () => {
    publish(machine, [{ name: 'fresh', version: '1' }])
    refresh(machine)
    const approval = await asked(installPackage, { packages: ['fresh'] })
    publish(machine, [{ name: 'fresh', version: '2' }])
    refresh(machine)
    await expect(change(installPackage, { packages: ['fresh'] }, approval)).rejects.toMatchObject({
      code: 'world_changed',
    })
    expect(() => statusOf('fresh')).toThrow()
  })

  test('of other names, older versions, on hold, or at the cost of others are refused', async () => {
    const real = { name: 'real', version: '1', control: ['Provides: virtual'] }
    publish(machine, [
      first,
      { ...old, version: '2' },
      real,
      { name: 'eater', version: '1', control: ['Conflicts: old'] },
    ])
    refresh(machine)
    machine.run('apt-mark', 'hold', 'old')
    const install = (name: string) => change(installPackage, { packages: [name] })
    await expect(install('nope')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/^nope is not in/),
    })
    await expect(install('real=7')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/^real=7 is not in/),
    })
    await expect(install('virtual')).rejects.toMatchObject({ hint: 'apt would take real for it: name that' })
    await expect(install('rea.')).rejects.toMatchObject({ code: 'invalid_input' })
    await expect(install('re.l')).rejects.toMatchObject({ code: 'not_found' })
    await expect(install('app=1')).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringMatching(/^it would take app back/),
    })
    await expect(install('old=2')).rejects.toMatchObject({ code: 'denied', message: 'old is on hold' })
    machine.run('apt-mark', 'unhold', 'old')
    await expect(install('eater')).rejects.toMatchObject({ code: 'denied', message: 'it would remove old' })
    await expect(change(updatePackages, { packages: ['real'] })).rejects.toMatchObject({
      message: 'real is not installed',
    })
  })

  test('whose source cannot be read are not called refreshed', async () => {
    machine.writeFile('/etc/apt/sources.list.d/gone.list', 'deb [trusted=yes] http://127.0.0.1:9/gone ./\n')
    const result = await changed(updatePackages, { refresh: true })
    machine.run('rm', '/etc/apt/sources.list.d/gone.list')
    expect(result.status).toBe('failed')
    expect(result.targets[0]?.output).toMatchObject({
      index: 'not refreshed, or in part',
      unread_sources: expect.arrayContaining([expect.stringContaining('127.0.0.1:9')]),
    })
  })

  test('stay as they are while another package manager holds the lock', async () => {
    publish(machine, [
      { name: 'late', version: '1' },
      { name: 'slow', version: '1' },
    ])
    const wait = 'DPkg::Pre-Invoke::=touch /run/locked; until [ -e /run/go ]; do sleep .1; done'
    refresh(machine)
    const holder = machine.spawn('apt-get', '-y', '-q', '-o', wait, 'install', 'slow')
    const ended = once(holder, 'exit')
    machine.run('sh', '-c', 'for i in $(seq 200); do [ -e /run/locked ] && exit; sleep .05; done; exit 1')
    const result = await changed(installPackage, { packages: ['late'] })
    machine.run('touch', '/run/go')
    await ended
    expect(result.status).toBe('failed')
    expect(result.targets[0]?.output).toMatchObject({
      packages: [{ package: 'late', state: 'not done' }],
      problem: expect.stringContaining('another package manager is at work; nothing was changed'),
    })
  })

  test('that fail to install are said to be failed, and how they were left', async () => {
    publish(machine, [
      { name: 'bad', version: '1', scripts: { postinst: '#!/bin/sh\nexit 3\n' }, control: ['Depends: fine'] },
      { name: 'fine', version: '1' },
    ])
    refresh(machine)
    const result = await changed(installPackage, { packages: ['bad'] })
    expect(result.status).toBe('failed')
    expect(result.targets[0]?.output).toMatchObject({
      packages: [
        { package: 'bad', to: '1', state: 'failed, unpacked but not configured' },
        { package: 'fine', to: '1', state: 'done' },
      ],
      problem: expect.stringContaining('returned error exit status 3'),
      next: 'mend it on the target, then run dpkg --configure -a',
    })
    await expect(change(installPackage, { packages: ['app'] })).rejects.toMatchObject({
      message: 'dpkg has unfinished work on local: bad',
    })
  })
})
