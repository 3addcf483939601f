import { expect, test } from 'bun:test'
import getContainerStats from '../../src/tools/get_container_stats.ts'
import { canStartEngines, engineContext, startEngine } from '../support/docker-engine.ts'

test.skipIf(!canStartEngines)(
  'the use of all running containers of a real engine, the busiest first',
  async () => {
    const engine = await startEngine()
    try {
      expect(await getContainerStats.run({}, engineContext(engine))).toEqual({ containers: [] })
      engine.run('idle', [], ['sleep', '100000'])
      engine.run('busy', ['--memory', '64m', '--cpus', '0.5'], ['sh', '-c', 'while :; do :; done'])
      engine.docker('run', '--name', 'ended', 'tiny:1', 'true')
      const { containers } = await getContainerStats.run({}, engineContext(engine))
      expect(containers.map(({ name }) => name)).toEqual(['busy', 'idle'])
      const [busy, idle] = containers
      expect(busy).toMatchObject({ mem_limit_mib: 64, pids: 1 })
      expect(busy?.cpu_percent).toBeGreaterThan(5)
      expect(busy?.cpu_percent).toBeLessThan(150)
      expect(idle).toMatchObject({ mem_limit_mib: 0, pids: 1 })
    } finally {
      await engine.stop()
    }
  },
  60_000,
)
