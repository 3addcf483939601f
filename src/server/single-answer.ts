import type { JSONRPCRequest, MessageExtraInfo, Server, Transport } from '@modelcontextprotocol/server'
import { rpcError } from './json-rpc.ts'

/** Hands one request to a server and gives back its answer, without the streams that other messages need. */
export async function singleAnswer(
  server: Server,
  message: JSONRPCRequest,
  extra: MessageExtraInfo,
): Promise<Response> {
  const answer = Promise.withResolvers<Response>()
  const transport: Transport = {
    async start() {
      // There is nothing to open.
    },
    async send(sent) {
      if ('result' in sent || 'error' in sent) answer.resolve(Response.json(sent, { headers: json }))
    },
    async close() {
      answer.resolve(rpcError(503, -32000, 'the call was ended'))
      transport.onclose?.()
    },
  }
  await server.connect(transport)
  transport.onmessage?.(message, extra)
  return answer.promise
}

const json = { 'Content-Type': 'application/json' }
