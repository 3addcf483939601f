import { expect, test } from 'bun:test'
import { encode } from 'gpt-tokenizer/encoding/o200k_base'
import { toToon } from '../../src/lib/toon.ts'
import getContainerList from '../../src/tools/get_container_list.ts'
import { canStartEngines, engineContext, startEngine } from '../support/docker-engine.ts'
import { replayContext } from '../support/shell-context.ts'

const services = ['web', 'api', 'db', 'cache', 'worker', 'mail']
const images = ['nginx:1.27', 'ghcr.io/shop/api:2.3.1', 'postgres:16', 'redis:7', 'ghcr.io/shop/worker:2.3.1', 'mail:4']

/** As the engine lists a compose service, with what nobody asked for. */
const listed = (at: number) => ({
  Id: at.toString(16).padStart(64, 'ab'),
  Names: [`/shop${Math.floor(at / 6)}-${services[at % 6]}-1`],
  Image: images[at % 6],
  ImageID: 'sha256:1',
  State: 'running',
  Status: `Up ${at + 2} hours (healthy)`,
  Ports: [
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8000 + at, Type: 'tcp' },
    { IP: '::', PrivatePort: 80, PublicPort: 8000 + at, Type: 'tcp' },
  ],
  Labels: { 'com.docker.compose.project': `shop${Math.floor(at / 6)}`, maintainer: 'x'.repeat(100) },
})

test('thirty containers cost at most 1,100 tokens', async () => {
  const context = replayContext(JSON.stringify(Array.from({ length: 30 }, (_, at) => listed(at))))
  const answer = await getContainerList.run({ all: false }, context)
  expect(answer.containers.length).toBe(30)
  expect(encode(toToon(answer)).length).toBeLessThanOrEqual(1100)
})

test('what does not run is counted, and shown on request', async () => {
  const ended = { ...listed(1), Names: ['/job'], State: 'exited', Status: 'Exited (1) 2 days ago' }
  const context = replayContext(JSON.stringify([listed(0), ended]))
  expect(await getContainerList.run({ all: false }, context)).toMatchObject({
    containers: [{ name: 'shop0-web-1' }],
    not_running: 1,
  })
  const all = await getContainerList.run({ all: true }, context)
  expect(all.containers[1]).toMatchObject({ name: 'job', state: 'exited 1', ended: '2d' })
  expect(all.not_running).toBeUndefined()
})

test('an answer that is cut or no list is said to be so', async () => {
  await expect(getContainerList.run({ all: false }, replayContext('[{"Id":'))).rejects.toMatchObject({
    code: 'unexpected_reply',
  })
})

test.skipIf(!canStartEngines)(
  'lists what a real engine runs',
  async () => {
    const engine = await startEngine()
    try {
      const ports = ['-p', '8080:80', '-p', '127.0.0.1:5353:53/udp']
      const health = ['--health-cmd', 'true', '--health-interval', '1h']
      engine.run('web', [...ports, ...health, '--label', 'com.docker.compose.project=shop'], ['sleep', '100000'])
      engine.docker('run', '--name', 'job', 'tiny:1', 'true')
      const { containers, not_running } = await getContainerList.run({ all: false }, engineContext(engine))
      expect(containers).toMatchObject([
        {
          name: 'web',
          image: 'tiny:1',
          state: 'running',
          health: 'starting',
          ports: '127.0.0.1:5353->53/udp 8080->80',
          project: 'shop',
        },
      ])
      expect(not_running).toBe(1)
    } finally {
      await engine.stop()
    }
  },
  60_000,
)
