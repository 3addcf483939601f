import { expect, test } from 'bun:test'
import { dockerSource } from '../../src/fleet/docker-source.ts'

const entry = { Id: 'a', Image: 'tiny:1', ImageID: 'b' }

test('containers of an engine are seen by their own names, with state, health, exit code and project', async () => {
  const listed = [
    { ...entry, Names: ['/db/alias', '/web'], State: 'running', Status: 'Up 2 hours (healthy)' },
    {
      ...entry,
      Names: ['/job'],
      State: 'exited',
      Status: 'Exited (137) 2 hours ago',
      Labels: { 'com.docker.compose.project': 'shop' },
    },
  ]
  const paths: string[] = []
  const source = dockerSource('dock', async (path) => {
    paths.push(path)
    return { ok: true, status: 200, output: JSON.stringify(listed), errorOutput: '', truncated: false, durationMs: 1 }
  })
  const { seen, complete } = await source.observe([], new Date(0))
  expect(complete).toBe(true)
  expect(paths).toEqual(['/containers/json?all=1'])
  expect(seen.map(({ id, facts }) => [id, facts])).toEqual([
    ['host:dock', { name: 'dock', status: 'up' }],
    ['container:dock/web', { name: 'web', status: 'running', image: 'tiny:1', health: 'healthy' }],
    ['container:dock/job', { name: 'job', status: 'exited', image: 'tiny:1', exit_code: 137, project: 'shop' }],
  ])
})
