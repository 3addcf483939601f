import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import type { Context } from '../../src/core/context.ts'
import getServiceStatus from '../../src/tools/get_service_status.ts'
import { canStartMachines, type Machine, machineContext, startMachine } from '../support/machine.ts'
import { replayContext, shellContext, shells } from '../support/shell-context.ts'

const ask = async (input: Record<string, unknown>, context: Context) =>
  getServiceStatus.output.parse(await getServiceStatus.run(getServiceStatus.input.parse(input), context))

describe('get_service_status', () => {
  test.each(['-H', 'a\nb', 'a\0', '../x', 'a b', 'x'.repeat(201)])('refuses %j as a name', (service) => {
    expect(getServiceStatus.input.safeParse({ service }).success).toBe(false)
  })

  test.each(shells.map((shell) => [shell] as const))('never fails without an answer on %p', async (...[shell]) => {
    const reading = ask({ service: 'tailops-test-none' }, shellContext(shell))
    await expect(reading).rejects.toMatchObject({ code: expect.stringMatching(/not_found|unsupported_target/) })
  })

  test('says what runs instead of an init system that it knows', async () => {
    const reading = ask({}, replayContext('\x1enone\nrunit\n'))
    await expect(reading).rejects.toMatchObject({
      code: 'unsupported_target',
      message: 'local runs neither systemd nor OpenRC: its first process is runit',
    })
  })

  test('cuts the list and counts what is left out', async () => {
    const units = 'a.service loaded active running A\nb.service loaded failed failed B\n'
    expect(await ask({ limit: 1 }, replayContext(`\x1esystemd\n\x1eunits\n${units}`))).toEqual({
      services: [{ name: 'b', state: 'failed', sub: 'failed', description: 'B' }],
      failed: 1,
      more: 1,
    })
  })
})

describe.skipIf(!canStartMachines)('get_service_status on a machine with systemd', () => {
  let machine: Machine
  beforeAll(async () => {
    machine = await startMachine()
    machine.writeFile(
      '/etc/systemd/system/good.service',
      '[Unit]\nDescription=A service\n[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\nAlias=fine.service\n',
    )
    machine.writeFile('/etc/systemd/system/bad.service', "[Service]\nExecStart=/bin/sh -c 'echo it breaks; exit 3'\n")
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'enable', '--now', 'good')
    // Ends when the service has.
    const failing = machine.spawn('systemctl', 'start', '--wait', 'bad')
    await once(failing, 'close')
  }, 240_000)
  afterAll(async () => {
    await machine.stop()
  }, 30_000)

  test('tells of a service by its alias', async () => {
    expect(await ask({ service: 'fine' }, machineContext(machine))).toMatchObject({
      service: 'good.service',
      state: 'active',
      sub: 'running',
      enabled: 'enabled',
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\dZ$/),
      main_pid: expect.any(Number),
      description: 'A service',
      journal: expect.stringContaining('Started good.service'),
    })
  })

  test('tells how one failed, with what it said last', async () => {
    expect(await ask({ service: 'bad' }, machineContext(machine))).toMatchObject({
      state: 'failed',
      result: 'exit-code (status 3)',
      journal: expect.stringContaining('it breaks'),
    })
  })

  test('lists the failed one first', async () => {
    const { services, failed } = await ask({}, machineContext(machine))
    expect(failed).toBe(1)
    expect(services?.[0]).toMatchObject({ name: 'bad', state: 'failed' })
    expect(services?.map(({ name }) => name)).toContain('good')
  })

  test('knows what is not there from what has no such name', async () => {
    await expect(ask({ service: 'nope' }, machineContext(machine))).rejects.toMatchObject({ code: 'not_found' })
    await expect(ask({ service: 'foo@.service' }, machineContext(machine))).rejects.toMatchObject({
      code: 'operation_failed',
      message: expect.stringContaining('neither a valid invocation ID nor unit name'),
    })
  })
})
