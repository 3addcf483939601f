import { expect, test } from 'bun:test'
import { containerSpecReply } from '../../src/formats/docker-create-spec.ts'
import { obstacleOf } from '../../src/formats/docker-replacement.ts'

const container = (state: object = {}, labels: object = {}) =>
  containerSpecReply.parse({
    Id: 'abc',
    Name: '/web',
    Image: 'sha256:1',
    State: { Status: 'running', Running: true, Paused: false, ...state },
    Config: { Image: 'app:1', Labels: labels },
    HostConfig: { NetworkMode: 'default' },
    NetworkSettings: {},
  })

const neighbour = (name: string, State = 'exited') => ({ Id: name, Names: [`/${name}`], State })

test('nothing stands in the way of an ordinary container, nor of the one that the last update kept', () => {
  expect(obstacleOf(container(), [neighbour('web', 'running'), neighbour('web.tailops-previous')])).toBeUndefined()
})

test('one that was kept and runs is not removed', () => {
  expect(obstacleOf(container(), [neighbour('web.tailops-previous', 'running')])?.message).toBe(
    'web.tailops-previous, the one before web, is running',
  )
})

test('an update that did not come to its end names both ways out', () => {
  const hint = obstacleOf(container(), [neighbour('web.tailops-old')])?.hint
  expect(hint).toContain(
    'docker rm web.tailops-old; else go back: docker rm -f web && docker rename web.tailops-old web',
  )
})

test.each([
  [{ Paused: true, Status: 'paused' }, 'web is paused'],
  [{ Status: 'dead', Running: false }, 'web is dead'],
])('a container in the state %j is refused', (state, message) => {
  expect(obstacleOf(container(state), [])?.message).toBe(message)
})

test('a task of a swarm service is sent to the swarm', () => {
  expect(obstacleOf(container({}, { 'com.docker.swarm.service.name': 'shop' }), [])?.hint).toContain('docker service')
})
