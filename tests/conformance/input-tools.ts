import {
  acceptedContent,
  type InputRequest,
  inputRequired,
  inputResponse,
  type RequestStateCodec,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import { type Answer, declaredOf, type FixtureTool, said } from './fixture.ts'

/** What a call that was answered with questions remembers until it is repeated with answers. */
export const stateSchema = z.object({ tool: z.string(), step: z.number() })
export type State = z.infer<typeof stateSchema>

/** A question with one text field. */
export const askFor = (field: string, message: string): InputRequest =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { [field]: { type: 'string' } }, required: [field] },
  })

/** The text that the user gave as an answer to a question of `askFor`. */
export function givenFor(context: ServerContext, key: string, field: string): string | undefined {
  return acceptedContent(context.mcpReq.inputResponses, key, z.record(z.string(), z.string()))?.[field]
}

const askToConfirm = inputRequired.elicit({
  message: 'go on?',
  requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
})

const askModel = (text: string): InputRequest =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text } }], maxTokens: 50 })

const named = (name: string): string => `test_input_required_result_${name}`

/** Tools that answer with questions, and are called again with the answers (revision 2026-07-28). */
export const inputTools = (codec: RequestStateCodec<State>): readonly FixtureTool[] => [
  ...statelessTools,
  confirming(codec, named('request_state')),
  confirming(codec, named('tampered_state')),
  {
    name: named('multiple_inputs'),
    description: 'Asks three things at once.',
    run: (context) => askThree(context, codec),
  },
  {
    name: named('multi_round'),
    description: 'Asks twice, one after the other.',
    run: (context) => askTwice(context, codec),
  },
]

const statelessTools: readonly FixtureTool[] = [
  { name: named('elicitation'), description: 'Asks the user for a name.', run: greet },
  { name: 'test_streaming_elicitation', description: 'Asks the user for a name, on a stream.', run: greet },
  {
    name: named('sampling'),
    description: 'Asks the model of the client.',
    run({ mcpReq }) {
      const response = inputResponse(mcpReq.inputResponses, 'capital_question')
      if (response.kind === 'sampling') return said(`the model said ${JSON.stringify(response.result.content)}`)
      return inputRequired({ inputRequests: { capital_question: askModel('Which city is the capital of France?') } })
    },
  },
  {
    name: named('list_roots'),
    description: 'Asks for the folders of the client.',
    run({ mcpReq }) {
      const response = inputResponse(mcpReq.inputResponses, 'client_roots')
      if (response.kind === 'roots') return said(response.roots.map(({ uri }) => uri).join('\n'))
      return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
    },
  },
  {
    name: named('capabilities'),
    description: 'Asks only what the client can answer.',
    run(context) {
      const { elicitation, sampling } = declaredOf(context)
      const inputRequests = {
        ...(elicitation !== undefined && { name: askFor('name', 'your name?') }),
        ...(sampling !== undefined && { word: askModel('Say one word.') }),
      }
      return Object.keys(inputRequests).length === 0 ? said('nothing to ask') : inputRequired({ inputRequests })
    },
  },
]

function greet(context: ServerContext): Answer {
  const name = givenFor(context, 'user_name', 'name')
  if (name !== undefined) return said(`good day, ${name}`)
  return inputRequired({ inputRequests: { user_name: askFor('name', 'your name?') } })
}

const stateOf = (context: ServerContext): State | undefined =>
  stateSchema.optional().parse(context.mcpReq.requestState())

/** A tool that goes on only with an answer and the state that it gave out itself. */
const confirming = (codec: RequestStateCodec<State>, tool: string): FixtureTool => ({
  name: tool,
  description: 'Asks for a yes, and signs what it remembers.',
  async run(context) {
    const confirmed = acceptedContent(context.mcpReq.inputResponses, 'confirm', z.object({ ok: z.literal(true) }))
    if (confirmed !== undefined && stateOf(context)?.tool === tool) return said('state-ok')
    const requestState = await codec.mint({ tool, step: 1 }, context)
    return inputRequired({ inputRequests: { confirm: askToConfirm }, requestState })
  },
})

async function askThree(context: ServerContext, codec: RequestStateCodec<State>): Promise<Answer> {
  const tool = named('multiple_inputs')
  const { inputResponses } = context.mcpReq
  const name = givenFor(context, 'user_name', 'name')
  const greeting = inputResponse(inputResponses, 'greeting')
  const roots = inputResponse(inputResponses, 'client_roots')
  const remembered = stateOf(context)?.tool === tool
  if (remembered && name !== undefined && greeting.kind === 'sampling' && roots.kind === 'roots')
    return said(`${JSON.stringify(greeting.result.content)}, ${name}, in ${roots.roots.length} folders`)
  return inputRequired({
    inputRequests: {
      user_name: askFor('name', 'your name?'),
      greeting: askModel('Write a greeting.'),
      client_roots: inputRequired.listRoots(),
    },
    requestState: await codec.mint({ tool, step: 1 }, context),
  })
}

async function askTwice(context: ServerContext, codec: RequestStateCodec<State>): Promise<Answer> {
  const tool = named('multi_round')
  const state = stateOf(context)
  const step = state?.tool === tool ? state.step : 0
  const colour = givenFor(context, 'step2', 'color')
  if (step === 2 && colour !== undefined) return said(`${colour} it is`)
  if (step === 2 || (step === 1 && givenFor(context, 'step1', 'name') !== undefined))
    return inputRequired({
      inputRequests: { step2: askFor('color', 'your favourite colour?') },
      requestState: await codec.mint({ tool, step: 2 }, context),
    })
  return inputRequired({
    inputRequests: { step1: askFor('name', 'your name?') },
    requestState: await codec.mint({ tool, step: 1 }, context),
  })
}
