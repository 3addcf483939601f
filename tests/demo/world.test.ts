import { afterEach, expect, test } from 'bun:test'
import { movedClock } from '../support/moved-clock.ts'
import { ask, list } from '../support/pve/ask.ts'
import { change } from '../support/pve/change.ts'
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
          { vmid: 101, node: 'pve1', name: 'web01', tags: 'web', status: 'running' },
          { vmid: 103, node: 'pve3', name: 'dns01', tags: 'dns', status: 'running' },
        ],
      },
    ],
  })
  return { clock, standIn, lab: standIn.cluster('lab') }
}

async function resource(lab: StandInCluster, id: string) {
  return (await list(lab, '/cluster/resources')).find((entry) => entry['id'] === id)
}

const current = async (lab: StandInCluster) => Object((await ask(lab, '/nodes/pve1/lxc/101/status/current')).body?.data)

test('the resources of the cluster are up to ten seconds old, the status of one guest is not', async () => {
  const { clock, lab } = await open()
  clock.advance(12_000)
  change.stop(lab.world, 101)
  expect((await current(lab)).status).toBe('stopped')
  clock.advance(9900)
  expect(await resource(lab, 'lxc/101')).toMatchObject({ status: 'running' })
  clock.advance(200)
  expect(await resource(lab, 'lxc/101')).toMatchObject({ status: 'stopped', uptime: 0 })
})

test('where a guest is, its tags and its lock are known at once; a new one has no name for a while', async () => {
  const { clock, lab } = await open()
  change.move(lab.world, 101, 'pve2')
  change.tag(lab.world, 101, 'Prod, web')
  change.lock(lab.world, 101, 'backup')
  change.create(lab.world, { vmid: 105, node: 'pve1', name: 'new' })
  expect(await resource(lab, 'lxc/101')).toMatchObject({
    node: 'pve2',
    tags: 'prod;web',
    lock: 'backup',
    name: 'web01',
  })
  expect(await resource(lab, 'lxc/105')).toEqual({
    id: 'lxc/105',
    vmid: 105,
    type: 'lxc',
    node: 'pve1',
    status: 'unknown',
  })
  clock.advance(10_000)
  expect(await resource(lab, 'lxc/105')).toMatchObject({ name: 'new', status: 'stopped' })
  change.remove(lab.world, 105)
  expect(await resource(lab, 'lxc/105')).toBeUndefined()
})

test('guests of a node that died keep their numbers for five minutes, then lose even their names', async () => {
  const { clock, standIn, lab } = await open()
  clock.advance(12_000)
  change.nodeOff(lab.world, 'pve3')
  await standIn.settled()
  expect((await list(lab, '/nodes')).map(({ node, status }) => [node, status])).toContainEqual(['pve3', 'offline'])
  clock.advance(299_000)
  expect(await resource(lab, 'lxc/103')).toMatchObject({ status: 'running', name: 'dns01' })
  clock.advance(1000)
  expect(await resource(lab, 'lxc/103')).toEqual({
    id: 'lxc/103',
    vmid: 103,
    type: 'lxc',
    node: 'pve3',
    status: 'unknown',
    tags: 'dns',
  })
  change.nodeOn(lab.world, 'pve3')
  await standIn.settled()
  clock.advance(10_000)
  expect(await resource(lab, 'lxc/103')).toMatchObject({ status: 'running', name: 'dns01' })
})

test('a dead node refuses connections, and the others say 595 for it', async () => {
  const { standIn, lab } = await open()
  change.nodeOff(lab.world, 'pve3')
  await standIn.settled()
  await expect(ask(lab, '/version', { node: 'pve3' })).rejects.toThrow('ECONNREFUSED')
  expect(await ask(lab, '/nodes/pve3/lxc')).toMatchObject({
    status: 595,
    reason: 'Connection refused',
    body: undefined,
  })
  change.nodeOn(lab.world, 'pve3')
  await standIn.settled()
  expect(await ask(lab, '/version', { node: 'pve3' })).toMatchObject({ status: 200 })
})

test('for a node that hangs the others say 596 after thirty seconds', async () => {
  const { clock, lab } = await open()
  lab.world.setNodeState('pve3', 'hanging')
  const answered = ask(lab, '/nodes/pve3/lxc')
  await clock.sleeper(30_000)
  clock.advance(30_000)
  expect(await answered).toMatchObject({ status: 596, reason: 'Connection timed out', body: undefined })
})

test('without quorum nothing starts, what runs can be stopped, and reads go on', async () => {
  const { clock, standIn, lab } = await open()
  change.create(lab.world, { vmid: 102, node: 'pve1' })
  change.nodeOff(lab.world, 'pve2')
  change.nodeOff(lab.world, 'pve3')
  await standIn.settled()
  const [cluster] = await list(lab, '/cluster/status')
  expect(cluster).toMatchObject({ quorate: 0 })
  const start = await ask(lab, '/nodes/pve1/lxc/102/status/start', { method: 'POST' })
  expect([start.status, start.reason]).toEqual([500, 'cluster not ready - no quorum?'])
  expect((await ask(lab, '/nodes/pve1/lxc/101/status/stop', { method: 'POST' })).status).toBe(200)
  clock.advance(1000)
  expect((await current(lab)).status).toBe('stopped')
})
