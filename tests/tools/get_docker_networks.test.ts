import { expect, test } from 'bun:test'
import getDockerNetworks from '../../src/tools/get_docker_networks.ts'
import { canStartEngines, engineContext, startEngine } from '../support/docker-engine.ts'

test.skipIf(!canStartEngines)(
  'networks of a real engine with subnets and members',
  async () => {
    const engine = await startEngine()
    try {
      engine.docker('network', 'create', '--internal', '--subnet', '10.9.0.0/24', 'back')
      engine.run('web', ['--network', 'back', '--ip', '10.9.0.7'], ['sleep', '100000'])
      engine.run('host-web', ['--network', 'host'], ['sleep', '100000'])
      const { networks } = await getDockerNetworks.run({}, engineContext(engine))
      expect(networks.map(({ name }) => name)).toEqual(['back', 'bridge', 'host', 'none'])
      expect(networks[0]).toEqual({
        name: 'back',
        driver: 'bridge',
        internal: 'yes',
        subnets: '10.9.0.0/24',
        members: 'web 10.9.0.7',
      })
      expect(networks[2]).toMatchObject({ members: 'host-web' })
    } finally {
      await engine.stop()
    }
  },
  60_000,
)
