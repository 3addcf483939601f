import { afterAll, expect, test } from 'bun:test'
import { createServer } from 'node:http'
import { hostname } from 'node:os'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import { machineSource, serviceSource } from '../../src/fleet/host-source.ts'
import { connectionTo, perform } from '../support/http-requests.ts'
import { shellContext } from '../support/shell-context.ts'

const at = new Date('2026-03-01T12:00:00Z')

let answer = 200
const server = createServer((_request, response) => response.writeHead(answer).end('{}'))
await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
const address = server.address()
const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
afterAll(() => server.close())

const service = (endpoints: Target['endpoints']): Target => ({
  id: 'grafana',
  kind: 'http',
  tags: [],
  capabilities: ['http:read'],
  constraints: defaultConstraints,
  endpoints,
})
const endpoint = { method: 'GET', path: '/health', risk: 'read', parameters: [] } as const

test('a machine tells what it is and how full it is', async () => {
  const { observe } = machineSource('web-1', shellContext().read)
  const { seen, complete } = await observe([], at)
  expect(complete).toBe(true)
  expect(seen).toMatchObject([
    { id: 'host:web-1', kind: 'host', facts: { name: 'web-1', status: 'up', hostname: hostname() } },
  ])
  expect(seen[0]?.use?.['mem_pct']).toBeGreaterThan(0)
  expect(seen[0]?.use?.['disk_pct']).toBeGreaterThanOrEqual(0)
})

test('a service is asked by the first declared request that needs no arguments', async () => {
  const id = { name: 'id', in: 'path', type: 'string', required: true } as const
  const target = service([
    { ...endpoint, name: 'one', path: '/things/{id}', parameters: [id] },
    { ...endpoint, name: 'change', method: 'POST', risk: 'write' },
    { ...endpoint, name: 'health' },
  ])
  const source = serviceSource(target, (operation) => perform(connectionTo(url), operation))
  answer = 200
  expect((await source?.observe([], at))?.seen).toMatchObject([{ facts: { status: 'up', answer: 'HTTP 200' } }])
  answer = 503
  expect(await source?.observe([], at).catch(String)).toContain('health answered HTTP 503')
})

test('a service without such a request is not looked at', () => {
  expect(serviceSource(service([]), () => Promise.reject(new TypeError('asked')))).toBeUndefined()
})
