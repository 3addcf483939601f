import type { ElicitRequestFormParams, ElicitResult } from '@modelcontextprotocol/server'
import { type FixtureTool, said } from './fixture.ts'

const told = ({ action, content }: ElicitResult) => said(`${action}: ${JSON.stringify(content ?? {})}`)

type Form = ElicitRequestFormParams['requestedSchema']

/** A tool that asks the client's user to fill in a form, while the call is open. */
const form = (name: string, description: string, requestedSchema: Form): FixtureTool => ({
  name,
  description,
  inputSchema: { type: 'object', properties: { message: { type: 'string' } } },
  async run({ mcpReq }, { message }) {
    const asked = typeof message === 'string' ? message : 'please fill this in'
    return told(await mcpReq.elicitInput({ mode: 'form', message: asked, requestedSchema }))
  },
})

const titled = (...values: readonly string[]) => values.map((value) => ({ const: value, title: `The ${value} one` }))

/** Tools that send requests of their own to the client (revisions until 2025-11-25). */
export const askingTools: readonly FixtureTool[] = [
  {
    name: 'test_sampling',
    description: 'Lets the model of the client answer.',
    inputSchema: { type: 'object', properties: { prompt: { type: 'string' } }, required: ['prompt'] },
    async run({ mcpReq }, { prompt }) {
      const content = { type: 'text' as const, text: String(prompt) }
      const result = await mcpReq.requestSampling({ messages: [{ role: 'user', content }], maxTokens: 100 })
      return said(`the model said ${JSON.stringify(result.content)}`)
    },
  },
  form('test_elicitation', 'Asks for a name and an address.', {
    type: 'object',
    properties: { username: { type: 'string' }, email: { type: 'string' } },
    required: ['username', 'email'],
  }),
  form('test_elicitation_sep1034_defaults', 'Asks with a default for every kind of field.', {
    type: 'object',
    properties: {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    },
  }),
  form('test_elicitation_sep1330_enums', 'Asks with every kind of choice.', {
    type: 'object',
    properties: {
      untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
      titledSingle: { type: 'string', oneOf: titled('value1', 'value2', 'value3') },
      legacyEnum: { type: 'string', enum: ['opt1', 'opt2'], enumNames: ['The first', 'The second'] },
      untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
      titledMulti: { type: 'array', items: { anyOf: titled('value1', 'value2', 'value3') } },
    },
  }),
]
