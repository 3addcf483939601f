import {
  type GetPromptResult,
  type InputRequiredResult,
  inputRequired,
  type Prompt,
  type PromptMessage,
  ProtocolError,
  type ReadResourceResult,
  ResourceNotFoundError,
  type Server,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { subscriptionsOf } from '../../src/server/changes.ts'
import { image } from './fixture.ts'
import { askFor, givenFor } from './input-tools.ts'

interface FixturePrompt extends Prompt {
  text(args: Readonly<Record<string, string>>, context: ServerContext): GetPromptResult | InputRequiredResult
}

const user = (...content: readonly PromptMessage['content'][]): GetPromptResult => ({
  messages: content.map((part) => ({ role: 'user', content: part })),
})

const text = (words: string) => ({ type: 'text' as const, text: words })

const prompts: readonly FixturePrompt[] = [
  { name: 'test_simple_prompt', description: 'Text alone.', text: () => user(text('say something')) },
  {
    name: 'test_prompt_with_arguments',
    description: 'Text with two arguments in it.',
    arguments: ['arg1', 'arg2'].map((name) => ({ name, description: `The argument ${name}`, required: true })),
    text: ({ arg1, arg2 }) => user(text(`first ${arg1}, then ${arg2}`)),
  },
  {
    name: 'test_prompt_with_embedded_resource',
    description: 'A resource with a request.',
    arguments: [{ name: 'resourceUri', description: 'Which resource', required: true }],
    text: ({ resourceUri: uri = '' }) =>
      user({ type: 'resource', resource: { uri, mimeType: 'text/plain', text: 'to be read' } }, text('read this')),
  },
  { name: 'test_prompt_with_image', description: 'A picture.', text: () => user(image, text('look at this')) },
  {
    name: 'test_input_required_result_prompt',
    description: 'Asks the user before it answers.',
    text(_args, context) {
      const given = givenFor(context, 'user_context', 'context')
      if (given !== undefined) return user(text(`with ${given} in mind`))
      return inputRequired({ inputRequests: { user_context: askFor('context', 'in which context?') } })
    },
  },
]

const resources = [
  { uri: 'test://static-text', name: 'text', mimeType: 'text/plain', text: 'always the same' },
  { uri: 'test://static-binary', name: 'picture', mimeType: image.mimeType, blob: image.data },
  { uri: 'test://watched-resource', name: 'watched', mimeType: 'text/plain', text: 'may change' },
]

/** Prompts, resources, and what belongs to them. */
export function serveTexts(server: Server): void {
  server.setRequestHandler('prompts/list', () => ({ prompts: prompts.map(({ text: _text, ...prompt }) => prompt) }))
  server.setRequestHandler('prompts/get', ({ params }, context) => {
    const prompt = prompts.find(({ name }) => name === params.name)
    if (prompt === undefined) throw new ProtocolError(-32602, `no prompt ${params.name}`)
    return prompt.text(params.arguments ?? {}, context)
  })
  server.setRequestHandler('completion/complete', ({ params: { argument } }) => {
    const values = ['test', 'tests', 'word'].filter((value) => value.startsWith(argument.value))
    return { completion: { values, total: values.length, hasMore: false } }
  })
  server.setRequestHandler('resources/list', () => ({
    resources: resources.map(({ uri, name, mimeType }) => ({ uri, name, mimeType })),
  }))
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'data', mimeType: 'application/json' }],
  }))
  server.setRequestHandler('resources/read', ({ params: { uri } }) => read(uri))
  server.setRequestHandler('resources/subscribe', ({ params: { uri } }) => {
    subscriptionsOf(server).add(uri)
    return {}
  })
  server.setRequestHandler('resources/unsubscribe', ({ params: { uri } }) => {
    subscriptionsOf(server).delete(uri)
    return {}
  })
}

function read(uri: string): ReadResourceResult {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1]
  if (id !== undefined) return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id }) }] }
  const resource = resources.find((candidate) => candidate.uri === uri)
  if (resource === undefined) throw new ResourceNotFoundError(uri)
  const { mimeType, text: words, blob = '' } = resource
  return { contents: [words === undefined ? { uri, mimeType, blob } : { uri, mimeType, text: words }] }
}
