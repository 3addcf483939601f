import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseTargets } from '../../src/config/load.ts'
import type { Endpoint, EndpointParameter } from '../../src/core/connection.ts'
import { effectOf } from '../../src/core/effect.ts'
import { requestTo } from '../../src/core/http-endpoints.ts'
import { openHttp } from '../../src/executors/http.ts'
import { call } from '../../src/gateway/call.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import type { ChangeResult } from '../../src/gateway/result.ts'
import { systemClock } from '../../src/lib/clock.ts'
import callHttpEndpoint from '../../src/tools/call_http_endpoint.ts'
import listHttpEndpoints from '../../src/tools/list_http_endpoints.ts'
import { alice, type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'
import { type Service, serve } from '../support/https-server.ts'

const declared = (url: string) => `version: "1.0"
targets:
  grafana:
    executor: http
    connection: { base_url: "${url}/api", token: t0p }
    endpoints:
      health: { path: /health, description: is it up }
      search: { path: /search, parameters: { q: { required: true }, limit: { type: number }, all: { type: boolean } } }
      broken: { path: /broken }
      text: { path: /text }
      silence:
        method: POST
        path: "/silences/{id}"
        risk: write
        parameters: { id: { pattern: "[a-z0-9]+" }, comment: { in: body, required: true }, hours: { in: body, type: number } }
      remove: { method: DELETE, path: "/silences/{id}" }
      stop: { method: POST, path: "/jobs/{id}/cancel" }
    capabilities: [http:read, http:call]
`

describe('call_http_endpoint', () => {
  let service: Service
  let world: GatewayWorld
  let gateway: Gateway
  beforeAll(async () => {
    service = await serve(({ url, method }, response) => {
      if (url === '/api/broken') response.writeHead(503).end('{"message":"database down"}')
      else if (url === '/api/text') response.end('plain words')
      else response.end(JSON.stringify({ did: `${method} ${url}` }))
    })
    const { config } = parseTargets({ file: '/t.yaml', text: declared(service.url), env: {}, readFile: missing })
    const all = config?.targets ?? []
    world = openGatewayWorld({ tools: [callHttpEndpoint, listHttpEndpoints] })
    const [grafana] = all
    if (grafana?.connection.kind !== 'http') throw new TypeError('the configuration has one http target')
    const executor = openHttp(grafana.id, grafana.connection, systemClock)
    gateway = { ...world.gateway, targets: { all, executor: () => executor } }
  })
  afterAll(async () => {
    await world.stop()
    await service.close()
  })

  async function ask(endpoint: string, parameters: Record<string, unknown> = {}, more: object = {}) {
    const signal = new AbortController().signal
    const input = { endpoint, parameters }
    const result = await call(gateway, { tool: callHttpEndpoint, input, caller: alice, signal, ...more })
    if (result.kind !== 'change') throw new TypeError('an action changes')
    return result
  }
  const outputOf = ({ targets }: ChangeResult) => targets[0]?.output
  const refusal = (endpoint: string, parameters: Record<string, unknown> = {}) =>
    ask(endpoint, parameters).then(
      () => undefined,
      (error: { code: string; message: string; hint: string }) => error,
    )

  test('performs a GET without approval, with the credentials of the target, and gives its JSON', async () => {
    const result = await ask('health')
    expect([result.status, outputOf(result)]).toEqual(['done', { status: 200, body: { did: 'GET /api/health' } }])
    expect(service.seen.at(-1)?.headers['authorization']).toBe('Bearer t0p')
  })

  test('gives a body that is no JSON as text', async () => {
    expect(outputOf(await ask('text'))).toEqual({ status: 200, body: 'plain words' })
  })

  test('encodes what goes into the query', async () => {
    await ask('search', { q: 'a&b=ü/../#', limit: 5, all: false })
    expect(service.seen.at(-1)?.url).toBe('/api/search?q=a%26b%3D%C3%BC%2F..%2F%23&limit=5&all=false')
  })

  test('gives status and body of a failure too', async () => {
    const result = await ask('broken')
    expect([result.status, outputOf(result)]).toEqual(['failed', { status: 503, body: { message: 'database down' } }])
  })

  test('asks for approval of what changes something, shows its body, and sends exactly that once approved', async () => {
    const before = service.seen.length
    const input = { id: 'n1', comment: 'night "shift"', hours: 8 }
    const asked = await ask('silence', input)
    expect([asked.status, asked.targets[0]?.preview]).toEqual([
      'approval_required',
      JSON.stringify({ comment: 'night "shift"', hours: 8 }, undefined, 2),
    ])
    expect(service.seen.length).toBe(before)
    const { approval = '' } = asked
    world.state.approvals.decide(approval, 'approved', 'test')
    const done = await ask('silence', input, { approval })
    expect([done.status, outputOf(done)]).toEqual(['done', { status: 200, body: { did: 'POST /api/silences/n1' } }])
    expect(JSON.parse(service.seen.at(-1)?.body ?? '')).toEqual({ comment: 'night "shift"', hours: 8 })
    expect(service.seen.length).toBe(before + 1)
  })

  test('takes no path of a service for the gateway’s own bookkeeping: it needs approval as well', async () => {
    expect((await ask('stop', { id: 'abc' })).status).toBe('approval_required')
  })

  test('is as harmful as the endpoint declares', () => {
    const risk = (endpoint: string) => callHttpEndpoint.riskOf?.({ endpoint }, gateway.targets.all[0] ?? missing())
    expect(['health', 'silence', 'remove', 'nothing'].map(risk)).toEqual([
      'read',
      'write',
      'destructive',
      'destructive',
    ])
  })

  const refused: Readonly<Record<string, readonly [string, Record<string, unknown>, string]>> = {
    'an endpoint that is not declared': ['admin', {}, 'it has health, search, broken, text, silence, remove, stop'],
    'a parameter that is not declared': ['remove', { id: 'a', force: true }, 'its parameters: id'],
    'a parameter left out': ['search', {}, 'its parameters: q, limit?: number, all?: boolean'],
    'a parameter of another type': ['search', { q: 'a', limit: 'many' }, 'limit?: number'],
    'a list': ['search', { q: ['a'] }, 'q, limit?: number'],
    'a very long text': ['search', { q: 'a'.repeat(16_385) }, 'q, limit?: number'],
    'a name of every object': ['remove', { id: 'a', constructor: 'x' }, 'its parameters: id'],
    'a value that fits its pattern in part': ['silence', { id: 'a/b', comment: '' }, 'id: /[a-z0-9]+/'],
    'a value with a line after the match': ['silence', { id: 'a\n', comment: '' }, 'id: /[a-z0-9]+/'],
    'an empty part of a path': ['remove', { id: '' }, 'its parameters: id'],
    'a part of a path that climbs': ['remove', { id: '..' }, 'its parameters: id'],
    'a part of a path that climbs when decoded': ['remove', { id: '../users' }, 'its parameters: id'],
    'half a character': ['remove', { id: '\ud800' }, 'its parameters: id'],
  }
  test.each(Object.entries(refused))('refuses %s, with what there is', async (_, [endpoint, parameters, hint]) => {
    const before = service.seen.length
    expect(await refusal(endpoint, parameters)).toMatchObject({
      code: 'invalid_input',
      hint: expect.stringContaining(hint),
    })
    expect(service.seen.length).toBe(before)
  })

  test('list_http_endpoints says what may be called, with what', async () => {
    const signal = new AbortController().signal
    const result = await call(gateway, { tool: listHttpEndpoints, input: {}, caller: alice, signal })
    const [answer] = result.kind === 'query' ? result.answers : []
    expect(answer).toMatchObject({
      value: {
        endpoints: expect.arrayContaining([
          { name: 'health', request: 'GET /health', risk: 'read', parameters: '', description: 'is it up' },
          {
            name: 'silence',
            request: 'POST /silences/{id}',
            risk: 'write',
            parameters: 'id: /[a-z0-9]+/, comment, hours?: number',
            description: '',
          },
        ]),
      },
    })
  })
})

function missing(): never {
  throw new TypeError('there is a target')
}

const parameter = (name: string, place: EndpointParameter['in']): EndpointParameter => ({
  name,
  in: place,
  type: 'string',
  required: place === 'path',
})
const endpoint: Endpoint = {
  name: 'any',
  method: 'POST',
  path: '/a/{one}/b/{two}{three}',
  risk: 'write',
  parameters: [...['one', 'two', 'three'].map((name) => parameter(name, 'path')), parameter('q', 'query')],
}

test('no values lead a request out of its template, or past the approval', () => {
  const values = fc.record({ one: evil, two: evil, three: evil, q: evil })
  fc.assert(
    fc.property(values, (given) => {
      const request = planned(given)
      if (request === undefined) return
      const url = new URL(`http://service${request.path}`)
      const parts = url.pathname.split('/')
      expect([url.host, parts.length, parts[1], parts[3]]).toEqual(['service', 5, 'a', 'b'])
      expect(decodeURIComponent(parts[2] ?? '')).toBe(given.one)
      expect(decodeURIComponent(parts[4] ?? '')).toBe(`${given.two}${given.three}`)
      expect([...url.searchParams]).toEqual([['q', given.q]])
      expect(effectOf(request)).toBe('write')
    }),
    { numRuns: 500 },
  )
})

const evil = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc
    .array(fc.constantFrom('.', '/', '\\', '%2e', '%2f', '?', '#', 'a', '\n', '@', ':', ';'), { maxLength: 5 })
    .map((all) => all.join('')),
)

function planned(given: Readonly<Record<string, string>>) {
  try {
    return requestTo(endpoint, given)
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid_input' })
    return undefined
  }
}
