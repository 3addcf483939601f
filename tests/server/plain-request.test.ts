import { describe, expect, test } from 'bun:test'
import { isInitializeRequest, isJSONRPCRequest, isLegacyRequest } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import { plainRequest } from '../../src/server/plain-request.ts'

const post = (headers: Record<string, string> = {}) =>
  new Request('http://127.0.0.1/mcp', { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers } })

const revisions = [undefined, '2024-11-05', '2025-03-26', '2025-11-25', '2025-01-01', '2026-07-28', '1999-01-01', 'x']
const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }

const message = fc.record(
  {
    jsonrpc: fc.constantFrom('2.0', '1.0', 2),
    id: fc.oneof(fc.constantFrom('a', '', 0, 7, -1, 1.5, null, true, 1e300), fc.integer(), fc.string()),
    method: fc.constantFrom('tools/call', 'initialize', 'ping', '', 4, null, 'server/discover'),
    params: fc.constantFrom(undefined, null, {}, [], 'x', { name: 'x' }, { _meta: {} }, { _meta: meta }, { _meta: 7 }),
    result: fc.constant({}),
    extra: fc.constant(1),
  },
  { requiredKeys: ['jsonrpc', 'id', 'method'] },
)

describe('a plain request', () => {
  test('is one that the SDK takes for a request of the older revisions', async () => {
    const given = fc.tuple(
      fc.oneof(
        message,
        fc.json().map((text): unknown => JSON.parse(text)),
      ),
      fc.constantFrom(...revisions),
    )
    await fc.assert(
      fc.asyncProperty(given, async ([body, revision]) => {
        const request = post(revision === undefined ? {} : { 'MCP-Protocol-Version': revision })
        if (plainRequest(request, body) === undefined) return
        expect([await isLegacyRequest(request, body), isJSONRPCRequest(body), isInitializeRequest(body)]).toEqual([
          true,
          true,
          false,
        ])
      }),
      { numRuns: 1000 },
    )
  })

  test('is what most clients send', () => {
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list_targets', arguments: {} } }
    expect(plainRequest(post(), call)).toBeDefined()
    expect(plainRequest(post({ 'MCP-Protocol-Version': '2025-11-25' }), call)).toBeDefined()
    expect(plainRequest(post({ 'MCP-Protocol-Version': '1999-01-01' }), call)).toBeUndefined()
  })
})
