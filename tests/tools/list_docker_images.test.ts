import { expect, test } from 'bun:test'
import listDockerImages from '../../src/tools/list_docker_images.ts'
import { canStartEngines, engineContext, startEngine } from '../support/docker-engine.ts'

test.skipIf(!canStartEngines)(
  'images of a real engine: largest first, those that dangle, those that nobody uses',
  async () => {
    const engine = await startEngine()
    try {
      engine.run('web', [], ['sleep', '100000'])
      engine.docker('commit', 'web')
      engine.docker('tag', 'tiny:1', 'registry.lan:5000/tiny:2')
      engine.docker('commit', 'web', 'spare:1')
      const list = (input: object) => listDockerImages.run(listDockerImages.input.parse(input), engineContext(engine))
      const { images } = await list({})
      expect(images.length).toBe(3)
      expect(images.find(({ used_by }) => used_by === 'web')).toMatchObject({
        image: expect.stringContaining('registry.lan:5000/tiny:2'),
        size_mib: expect.any(Number),
      })
      expect(await list({ only: 'dangling' })).toMatchObject({ images: [{ dangling: 'yes' }] })
      expect((await list({ only: 'unused' })).images.length).toBe(2)
      expect(await list({ limit: 1 })).toMatchObject({ more: 2 })
    } finally {
      await engine.stop()
    }
  },
  60_000,
)
