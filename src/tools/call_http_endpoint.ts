import { z } from 'zod'
import type { Endpoint } from '../core/connection.ts'
import { effectOf } from '../core/effect.ts'
import { GatewayError } from '../core/errors.ts'
import { requestTo } from '../core/http-endpoints.ts'
import type { Outcome } from '../core/operation.ts'
import type { Target } from '../core/target.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { parseJson } from '../lib/json.ts'

/** Makes a request that the target declares. GET and HEAD are performed without approval; the rest is as harmful as the endpoint says. */
export default defineTool({
  name: 'call_http_endpoint',
  description: 'Make a request that list_http_endpoints names.',
  capability: 'http:call',
  risk: 'destructive',
  targets: ['http'],
  input: z.object({
    endpoint: z.string().min(1).max(100).describe('its name'),
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
  output: z.object({
    status: z.number(),
    body: z.unknown().optional(),
    truncated: z.literal(true).optional(),
  }),
  riskOf: ({ endpoint }, target) => found(target, endpoint)?.risk ?? 'destructive',
  async plan({ endpoint: name, parameters = {} }, { target }) {
    const endpoint = found(target, name)
    if (endpoint === undefined) throw unknown(target, name)
    const request = requestTo(endpoint, parameters)
    return {
      summary: `call ${name}: ${request.method} ${request.path}`,
      basis: {},
      steps: [{ do: request, interruptible: effectOf(request) === 'read' }],
      ...(request.body !== undefined && { preview: JSON.stringify(request.body, undefined, 2) }),
    }
  },
  report: (_plan, outcomes) => answered(outcomes),
  reportFailure: (_plan, outcomes) => answered(outcomes),
})

const found = ({ endpoints = [] }: Target, name: string): Endpoint | undefined =>
  endpoints.find((endpoint) => endpoint.name === name)

function unknown({ id, endpoints = [] }: Target, name: string): GatewayError {
  const names = endpoints.map((endpoint) => endpoint.name)
  return new GatewayError('invalid_input', `${id} has no endpoint ${JSON.stringify(name)}`, {
    hint: names.length === 0 ? `targets.yaml declares none of ${id}` : `it has ${names.slice(0, 40).join(', ')}`,
  })
}

/** A 4xx or 5xx is an answer like any other. */
function answered([outcome]: readonly Outcome[]) {
  if (outcome === undefined) throw new TypeError('a call has one step')
  const { status, output, truncated } = outcome
  return withoutEmpty({ status, body: bodyOf(outcome, output), truncated: truncated ? (true as const) : undefined })
}

/** JSON objects and lists as such, so that they are printed compactly; anything else as it came. */
function bodyOf({ truncated }: Outcome, output: string): unknown {
  const parsed = truncated ? undefined : parseJson(output)
  return typeof parsed === 'object' && parsed !== null ? parsed : output
}
