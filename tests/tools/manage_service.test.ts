import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { Context } from '../../src/core/context.ts'
import { isReadCommand } from '../../src/core/read-commands.ts'
import { call } from '../../src/gateway/call.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import { systemClock } from '../../src/lib/clock.ts'
import manageService from '../../src/tools/manage_service.ts'
import { alice, type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'
import { canStartMachines, type Machine, machineContext, startMachine } from '../support/machine.ts'
import { replayContext } from '../support/shell-context.ts'

const plan = (service: string, action: string, context: Context) =>
  manageService.plan(manageService.input.parse({ service, action }), context)

const recorded = (lines: Readonly<Record<string, string>> = {}, along = '', conflicts = '') => {
  const show = {
    Id: 'web.service',
    Names: 'web.service',
    LoadState: 'loaded',
    ActiveState: 'active',
    UnitFileState: 'enabled',
    FragmentPath: '/etc/systemd/system/web.service',
    CanReload: 'no',
    Type: 'simple',
    RemainAfterExit: 'no',
    ...lines,
  }
  const text = Object.entries(show).map(([key, value]) => `${key}=${value}`)
  return replayContext(
    `\x1esystemd\n\x1eshow\n${text.join('\n')}\n\x1ealong\n${along}\n\x1econflicts\n${conflicts}\n\x1eself\n0::/\n`,
  )
}

const openRc = (status: string, runlevels = '') =>
  replayContext(
    `\x1eopenrc\n\x1ename\nweb\n\x1estatus\n * status: ${status}\n\x1erunlevels\n${runlevels}\n\x1escript\n/etc/init.d/web\n\x1ealong\n\x1eself\n`,
  )

describe('a plan of manage_service', () => {
  test('names the unit, what it relies on, the command and the way back', async () => {
    expect(await plan('web', 'stop', recorded())).toEqual({
      summary: 'stop web.service (now active)',
      basis: {
        unit: 'web.service',
        active: 'active',
        enabled: 'enabled',
        fragment: '/etc/systemd/system/web.service',
      },
      steps: [
        {
          do: {
            kind: 'command',
            argv: ['systemctl', '--no-ask-password', 'stop', '--', 'web.service'],
            asRoot: true,
            timeoutMs: 120_000,
          },
          undo: {
            kind: 'command',
            argv: ['systemctl', '--no-ask-password', 'start', '--', 'web.service'],
            asRoot: true,
            timeoutMs: 120_000,
          },
          until: {
            read: { kind: 'script', name: 'read/service-settled', args: ['web.service', 'inactive'] },
            path: 'output',
            equals: 'inactive',
            withinMs: 30_000,
          },
        },
      ],
    })
  })

  test.each(['start', 'stop', 'restart', 'reload', 'enable', 'disable'])('to %s counts as a write', (action) => {
    expect(isReadCommand(['systemctl', '--no-ask-password', action, '--', 'web.service'])).toBe(false)
  })

  test('says which units stop as well, and starts them again on the way back', async () => {
    const { summary, basis, steps } = await plan('web', 'stop', recorded({}, 'needy.service'))
    expect(summary).toBe('stop web.service (now active); this also stops needy.service')
    expect(basis['stops']).toBe('needy.service')
    expect(steps[0]?.undo).toMatchObject({
      argv: ['systemctl', '--no-ask-password', 'start', '--', 'web.service', 'needy.service'],
    })
  })

  test('that changes nothing has no steps', async () => {
    const { summary, steps } = await plan('web', 'start', recorded())
    expect([summary, steps]).toEqual(['web.service is already active', []])
    expect((await plan('web', 'enable', recorded())).summary).toBe('web.service is already enabled')
    expect((await plan('web', 'stop', recorded({ ActiveState: 'failed' }))).summary).toBe(
      'web.service is already failed',
    )
  })

  test('does not wait for a oneshot to stay active', async () => {
    const made = await plan('web', 'start', recorded({ ActiveState: 'inactive', Type: 'oneshot' }))
    expect(made.steps[0]?.until).toBeUndefined()
    expect(manageService.report(made, [])).toEqual({ unit: 'web.service', state: 'ran to its end', enabled: 'enabled' })
  })

  test('stops again what it started, and has no way back from a restart', async () => {
    const started = await plan('web', 'start', recorded({ ActiveState: 'inactive' }))
    expect(started.steps[0]?.undo).toMatchObject({ argv: expect.arrayContaining(['stop']) })
    const restarted = await plan('web', 'restart', recorded())
    expect(restarted.steps[0]?.undo).toBeUndefined()
  })

  test('names a socket that can start the service again', async () => {
    const { preview } = await plan('web', 'stop', recorded({ TriggeredBy: 'web.socket' }))
    expect(preview).toBe('it can be started again by web.socket')
  })

  test.each([
    ['start', { LoadState: 'masked', ActiveState: 'inactive' }, 'its unit file is masked'],
    ['reload', {}, 'it has no reload'],
    ['reload', { ActiveState: 'inactive' }, 'it is inactive'],
    ['enable', { UnitFileState: 'static' }, 'it is static'],
  ])('to %s is refused for what cannot: %o', async (action, lines, why) => {
    await expect(plan('web', action, recorded(lines))).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining(why),
    })
  })

  test('is refused for what would cut us off, by its real name, with the line that allows it', async () => {
    const alias = recorded({ Id: 'ssh.service', Names: 'ssh.service shell.service' })
    await expect(plan('shell', 'stop', alias)).rejects.toMatchObject({
      code: 'denied',
      message: 'cannot stop ssh.service on local: ssh.service is the way in over SSH',
      hint: 'the operator can allow it in targets.yaml, under local: constraints: { units: [ssh.service] }',
    })
    await expect(plan('web', 'restart', recorded({}, 'a.service\nssh.service'))).rejects.toMatchObject({
      code: 'denied',
    })
    const conflicting = recorded({ ActiveState: 'inactive' }, '', 'NetworkManager.service')
    await expect(plan('web', 'start', conflicting)).rejects.toMatchObject({ code: 'denied' })
  })

  test('takes a service out of every runlevel of OpenRC, and back', async () => {
    const { steps, basis } = await plan('web', 'disable', openRc('started', '  web | boot default'))
    expect(basis).toMatchObject({ unit: 'web', enabled: 'enabled', fragment: '/etc/init.d/web' })
    expect(steps).toMatchObject([
      { do: { argv: ['rc-update', 'del', 'web', 'boot'] }, undo: { argv: ['rc-update', 'add', 'web', 'boot'] } },
      { do: { argv: ['rc-update', 'del', 'web', 'default'] }, undo: { argv: ['rc-update', 'add', 'web', 'default'] } },
    ])
  })

  test('starts a service of OpenRC, and reports it', async () => {
    const made = await plan('web', 'start', openRc('stopped'))
    expect(made.steps).toMatchObject([{ do: { argv: ['rc-service', 'web', 'start'], asRoot: true } }])
    expect(manageService.report(made, [])).toEqual({ unit: 'web', state: 'active', enabled: 'disabled' })
  })
})

describe.skipIf(!canStartMachines)('manage_service on a machine with systemd', () => {
  let machine: Machine
  let world: GatewayWorld
  beforeAll(async () => {
    machine = await startMachine()
    const units = {
      good: '[Service]\nExecStart=/bin/sleep 1000\nExecReload=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlias=fine.service\n',
      needy: '[Unit]\nRequires=good.service\nAfter=good.service\n[Service]\nExecStart=/bin/sleep 1000\n',
      dies: '[Service]\nExecStart=/bin/sleep 0.3\n',
      under: '[Service]\nExecStart=/bin/sleep 1000\n',
    }
    for (const [name, text] of Object.entries(units)) machine.writeFile(`/etc/systemd/system/${name}.service`, text)
    machine.run('mkdir', '/etc/systemd/system/ssh.service.d')
    machine.writeFile('/etc/systemd/system/ssh.service.d/needs.conf', '[Unit]\nRequires=under.service\n')
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'start', 'under', 'ssh')
  }, 240_000)
  afterAll(async () => {
    await machine.stop()
  }, 30_000)
  beforeEach(() => {
    world = openGatewayWorld({
      tools: [manageService],
      policy: { rules: [{ id: 'all', effect: 'allow', risks: ['write'] }] },
      // Waiting until a service has settled takes 3 s instead of 30.
      clock: { ...systemClock, elapsedMs: () => systemClock.elapsedMs() * 10 },
    })
  })
  afterEach(async () => {
    await world.stop()
  })

  async function manage(service: string, action: string): Promise<ChangeResult> {
    const gateway = { ...world.gateway, targets: { all: world.gateway.targets.all, executor: () => machine.executor } }
    const signal = AbortSignal.any([])
    const result = await call(gateway, { tool: manageService, input: { service, action }, caller: alice, signal })
    if (result.kind !== 'change') throw new TypeError('a change answers as one')
    return result
  }

  const activity = (unit: string) => machine.run('systemctl', 'show', '-p', 'ActiveState', '--value', unit).trim()

  test('starts, reloads, enables, disables and stops a service by its real name', async () => {
    expect((await manage('good', 'start')).targets[0]).toMatchObject({
      status: 'done',
      output: { unit: 'good.service', state: 'active', enabled: 'disabled' },
    })
    expect(activity('good')).toBe('active')
    expect((await manage('good', 'enable')).targets[0]?.output).toMatchObject({ enabled: 'enabled' })
    expect((await manage('fine', 'reload')).summary).toBe('reload good.service (now active)')
    expect((await manage('fine', 'disable')).status).toBe('done')
    expect((await manage('good', 'start')).summary).toBe('good.service is already active')
    machine.run('systemctl', 'start', 'needy')
    expect((await manage('good', 'stop')).summary).toContain('this also stops needy.service')
    expect([activity('good'), activity('needy')]).toEqual(['inactive', 'inactive'])
  }, 30_000)

  test('does not call a service started that dies at once, and takes the start back', async () => {
    const result = await manage('dies', 'start')
    expect(result.targets[0]?.steps[0]).toMatchObject({
      state: 'undone',
      note: expect.stringContaining('did not become "active" within 30000 ms: it is "inactive"'),
    })
    expect(result.status).toBe('failed')
    expect(activity('dies')).toBe('inactive')
  }, 60_000)

  test('refuses the way in, under each of its names, and what it stands on', async () => {
    for (const name of ['ssh', 'sshd', 'under', 'dbus.socket', 'systemd-logind', 'multi-user.target'])
      await expect(manage(name, 'stop')).rejects.toMatchObject({ code: 'denied' })
    expect(activity('ssh')).toBe('active')
  })

  test('plans for the way in when the target lists it', async () => {
    const made = await plan('sshd', 'restart', machineContext(machine, { units: ['ssh.service'] }))
    expect(made.summary).toBe('restart ssh.service (now active)')
  })

  test('knows what is not there', async () => {
    await expect(manage('nope', 'start')).rejects.toMatchObject({ code: 'not_found' })
  })
})
