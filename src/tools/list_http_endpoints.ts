import { z } from 'zod'
import { signatureOf } from '../core/http-endpoints.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmptyColumns } from '../formats/rows.ts'

export default defineTool({
  name: 'list_http_endpoints',
  description: 'The requests that an HTTP service offers here.',
  capability: 'http:read',
  risk: 'read',
  targets: ['http'],
  input: z.object({}),
  output: z.object({
    endpoints: z.array(
      z.object({
        name: z.string(),
        request: z.string(),
        risk: z.string(),
        parameters: z.string().optional(),
        description: z.string().optional(),
      }),
    ),
    note: z.string().optional(),
  }),
  async run(_input, { target }) {
    const endpoints = (target.endpoints ?? []).map((endpoint) => ({
      name: endpoint.name,
      request: `${endpoint.method} ${endpoint.path}`,
      risk: endpoint.risk,
      parameters: signatureOf(endpoint),
      description: [endpoint.description ?? '', ...endpoint.parameters.flatMap(explained)]
        .filter((part) => part !== '')
        .join('; '),
    }))
    return {
      endpoints: withoutEmptyColumns(endpoints),
      ...(endpoints.length === 0 && { note: `targets.yaml declares no endpoints of ${target.id}` }),
    }
  },
})

const explained = ({ name, description }: { readonly name: string; readonly description?: string | undefined }) =>
  description === undefined ? [] : [`${name}: ${description}`]
