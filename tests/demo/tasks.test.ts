import { afterEach, expect, test } from 'bun:test'
import { movedClock } from '../support/moved-clock.ts'
import { ask, list } from '../support/pve/ask.ts'
import { change } from '../support/pve/change.ts'
import { faults } from '../support/pve/faults.ts'
import { openStandIn, type StandIn, type StandInCluster } from '../support/pve/stand-in.ts'

let standIn: StandIn | undefined
afterEach(async () => {
  await standIn?.stop()
  standIn = undefined
})

async function open() {
  const clock = movedClock()
  standIn = await openStandIn({
    clock,
    clusters: [
      {
        name: 'lab',
        guests: [
          { vmid: 101, node: 'pve1', status: 'running' },
          { vmid: 102, node: 'pve2' },
          { vmid: 103, node: 'pve1', template: true },
          { vmid: 104, node: 'pve1', lock: 'backup' },
          { vmid: 200, node: 'pve1', kind: 'qemu', status: 'running' },
        ],
      },
    ],
  })
  return { clock, standIn, lab: standIn.cluster('lab') }
}

const post = (lab: StandInCluster, path: string) => ask(lab, path, { method: 'POST' })

async function begin(lab: StandInCluster, path: string): Promise<string> {
  const { status, body } = await post(lab, path)
  expect(status).toBe(200)
  return String(body?.data)
}

const stateOf = async (lab: StandInCluster, upid: string) => {
  const node = upid.split(':')[1]
  const { body } = await ask(lab, `/nodes/${node}/tasks/${encodeURIComponent(upid)}/status`)
  return Object(body?.data)
}

test('a start is a task, and its effect comes with its end', async () => {
  const { clock, standIn, lab } = await open()
  const upid = await begin(lab, '/nodes/pve2/lxc/102/status/start')
  expect(upid).toMatch(/^UPID:pve2:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:vzstart:102:root@pam!tailops:$/)
  expect(await stateOf(lab, upid)).toMatchObject({ status: 'running', type: 'vzstart', id: '102' })
  expect(lab.world.guest(102)?.status).toBe('stopped')
  clock.advance(2000)
  expect(await stateOf(lab, upid)).toMatchObject({ status: 'stopped', exitstatus: 'OK' })
  expect(lab.world.guest(102)?.status).toBe('running')
  expect(standIn.effects().map(({ effect, vmid }) => `${effect} ${vmid}`)).toEqual(['accepted 102', 'started 102'])
  expect(standIn.violations).toEqual([])
})

test.each([
  ['/nodes/pve1/lxc/103/status/start', "you can't start a CT if it's a template"],
  ['/nodes/pve1/lxc/104/status/start', 'CT is locked (backup)'],
  ['/nodes/pve1/lxc/999/status/start', "Configuration file 'nodes/pve1/lxc/999.conf' does not exist"],
  ['/nodes/pve1/qemu/200/status/start', 'VM 200 already running'],
])('%s is accepted and fails in its task', async (path, why) => {
  const { clock, standIn, lab } = await open()
  const upid = await begin(lab, path)
  clock.advance(2000)
  expect(await stateOf(lab, upid)).toMatchObject({ status: 'stopped', exitstatus: why })
  const { body } = await ask(lab, `/nodes/pve1/tasks/${upid}/log`)
  expect(body?.data).toEqual([{ n: 1, t: `TASK ERROR: ${why}` }])
  expect(standIn.effects().at(-1)?.effect).toBe(`failed: ${why}`)
})

test('a second task waits for the first, and gives up after ten seconds', async () => {
  const { clock, standIn, lab } = await open()
  standIn.fault(faults.taskNeverEnds(), { path: /shutdown$/ })
  await begin(lab, '/nodes/pve1/lxc/101/status/shutdown')
  const second = await begin(lab, '/nodes/pve1/lxc/101/status/stop')
  clock.advance(9000)
  expect(await stateOf(lab, second)).toMatchObject({ status: 'running' })
  clock.advance(1000)
  const { exitstatus } = await stateOf(lab, second)
  expect(exitstatus).toBe("can't lock file '/run/lock/lxc/pve-config-101.lock' - got timeout")
  expect(lab.world.guest(101)?.status).toBe('running')
})

test('a stopped task does not have its effect', async () => {
  const { clock, lab } = await open()
  const upid = await begin(lab, '/nodes/pve1/lxc/101/status/shutdown')
  const { status, body } = await ask(lab, `/nodes/pve1/tasks/${encodeURIComponent(upid)}`, { method: 'DELETE' })
  expect([status, body]).toEqual([200, { data: null }])
  clock.advance(60_000)
  expect(lab.world.guest(101)?.status).toBe('running')
  expect(await stateOf(lab, upid)).toMatchObject({ status: 'stopped', exitstatus: 'received interrupt' })
})

test('a task that was made to fail fails, with the text that was asked for', async () => {
  const { clock, standIn, lab } = await open()
  standIn.fault(faults.taskFails('startup for container 102 failed'), { times: 1 })
  const first = await begin(lab, '/nodes/pve2/lxc/102/status/start')
  clock.advance(2000)
  expect(await stateOf(lab, first)).toMatchObject({ exitstatus: 'startup for container 102 failed' })
  const second = await begin(lab, '/nodes/pve2/lxc/102/status/start')
  clock.advance(2000)
  expect(await stateOf(lab, second)).toMatchObject({ exitstatus: 'OK' })
})

test('a task on a node that goes down is over, its effect did not happen, and it can be asked for when the node is back', async () => {
  const { clock, standIn, lab } = await open()
  const upid = await begin(lab, '/nodes/pve2/lxc/102/status/start')
  change.nodeOff(lab.world, 'pve2')
  await standIn.settled()
  expect(await ask(lab, `/nodes/pve2/tasks/${upid}/status`)).toMatchObject({ status: 595 })
  clock.advance(60_000)
  change.nodeOn(lab.world, 'pve2')
  await standIn.settled()
  expect(await stateOf(lab, upid)).toMatchObject({ status: 'stopped', exitstatus: 'unexpected status' })
  expect(lab.world.guest(102)?.status).toBe('stopped')
})

test('a task may end with warnings, its effect done all the same', async () => {
  const { clock, standIn, lab } = await open()
  standIn.fault(faults.taskEnds('WARNINGS: 1'))
  const upid = await begin(lab, '/nodes/pve2/lxc/102/status/start')
  clock.advance(2000)
  expect(await stateOf(lab, upid)).toMatchObject({ status: 'stopped', exitstatus: 'WARNINGS: 1' })
  expect(lab.world.guest(102)?.status).toBe('running')
})

test('stopping a machine that is down does nothing, and the log of effects says so', async () => {
  const { clock, standIn, lab } = await open()
  await begin(lab, '/nodes/pve1/qemu/200/status/stop')
  clock.advance(1000)
  await begin(lab, '/nodes/pve1/qemu/200/status/stop')
  clock.advance(1000)
  const effects = standIn.effects().map(({ effect }) => effect)
  expect(effects).toEqual(['accepted', 'stopped', 'accepted', 'was not running'])
})

test('running tasks are listed apart from ended ones, and the cluster lists both', async () => {
  const { clock, lab } = await open()
  await begin(lab, '/nodes/pve1/lxc/101/status/stop')
  clock.advance(1000)
  await begin(lab, '/nodes/pve1/lxc/101/status/start')
  expect((await list(lab, '/nodes/pve1/tasks?source=active')).map(({ type, status }) => [type, status])).toEqual([
    ['vzstart', 'RUNNING'],
  ])
  expect((await list(lab, '/nodes/pve1/tasks')).map(({ type, status }) => [type, status])).toEqual([['vzstop', 'OK']])
  expect((await list(lab, '/cluster/tasks')).map(({ type, saved }) => [type, saved])).toEqual([
    ['vzstart', '0'],
    ['vzstop', '1'],
  ])
})

test('a node is asked in vain for a task of another', async () => {
  const { lab } = await open()
  const upid = await begin(lab, '/nodes/pve1/lxc/101/status/stop')
  const { status, body } = await ask(lab, `/nodes/pve2/tasks/${upid}/status`)
  expect([status, body?.errors]).toEqual([400, { upid: 'no such task' }])
})
