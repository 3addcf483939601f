import { MissingRequiredClientCapabilityError } from '@modelcontextprotocol/server'
import { answer, declaredOf, type FixtureTool, image, said, type World } from './fixture.ts'

/** Half a millisecond of silence: a WAV file of 8 kHz, 8 bit, one channel. */
const silence = (): string => {
  const samples = Buffer.alloc(4, 0x80)
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(36 + samples.length, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(8000, 24)
  header.writeUInt32LE(8000, 28)
  header.writeUInt16LE(1, 32)
  header.writeUInt16LE(8, 34)
  header.write('data', 36)
  header.writeUInt32LE(samples.length, 40)
  return Buffer.concat([header, samples]).toString('base64')
}

/** Tools that answer at once. The first one is also the one that header checks call. */
export const contentTools = (world: World): readonly FixtureTool[] => [
  { name: 'test_simple_text', description: 'Answers with text.', run: () => said('plain words') },
  { name: 'test_image_content', description: 'Answers with a picture.', run: () => answer(image) },
  {
    name: 'test_audio_content',
    description: 'Answers with a sound.',
    run: () => answer({ type: 'audio', mimeType: 'audio/wav', data: silence() }),
  },
  {
    name: 'test_embedded_resource',
    description: 'Answers with a resource.',
    run: () =>
      answer({
        type: 'resource',
        resource: { uri: 'test://embedded', mimeType: 'text/plain', text: 'inside an answer' },
      }),
  },
  {
    name: 'test_multiple_content_types',
    description: 'Answers with text, a picture and a resource.',
    run: () =>
      answer({ type: 'text', text: 'three kinds' }, image, {
        type: 'resource',
        resource: { uri: 'test://mixed', mimeType: 'application/json', text: '{"kinds":3}' },
      }),
  },
  {
    name: 'test_error_handling',
    description: 'Fails always.',
    run: () => ({ ...said('it failed, as it should'), isError: true }),
  },
  {
    name: 'test_tool_with_progress',
    description: 'Reports its progress three times.',
    async run({ mcpReq }) {
      const progressToken = mcpReq._meta?.progressToken
      if (progressToken === undefined) return said('nobody asked for progress')
      for (const progress of [0, 50, 100])
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } })
      return said('progress reported')
    },
  },
  {
    name: 'test_tool_with_logging',
    description: 'Logs three times.',
    async run({ mcpReq }) {
      for (const step of ['begun', 'under way', 'done']) await mcpReq.log('info', step)
      return said('logged')
    },
  },
  {
    name: 'test_logging_tool',
    description: 'Logs once, which only clients that asked for it may see.',
    async run({ mcpReq }) {
      await mcpReq.log('info', 'for those who asked')
      return said('logged')
    },
  },
  {
    name: 'test_reconnection',
    description: 'Ends its stream before it answers, if the transport can resume it.',
    run({ http }) {
      http?.closeSSE?.()
      return said('still answered')
    },
  },
  {
    name: 'test_missing_capability',
    description: 'Needs a client that samples.',
    run(context) {
      if (declaredOf(context).sampling === undefined)
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } })
      return said('the client samples')
    },
  },
  {
    name: 'test_trigger_tool_change',
    description: 'Says that the list of tools has changed.',
    run() {
      world.toolsChanged()
      return said('told')
    },
  },
  schemaTool,
]

/** Its schema uses what conversions between dialects tend to lose. */
const schemaTool: FixtureTool = {
  name: 'json_schema_2020_12_tool',
  description: 'Has a schema of JSON Schema 2020-12.',
  inputSchema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: { address: { $anchor: 'home', type: 'object', properties: { city: { type: 'string' } } } },
    properties: {
      address: { $ref: '#/$defs/address' },
      reach: { enum: ['phone', 'email'] },
      phone: { type: 'string' },
      email: { type: 'string' },
    },
    allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
    if: { properties: { reach: { const: 'phone' } }, required: ['reach'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { required: ['phone'] },
    else: { required: ['email'] },
    additionalProperties: false,
  },
  run: () => said('reached'),
}
