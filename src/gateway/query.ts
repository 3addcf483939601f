import { GatewayError } from '../core/errors.ts'
import { fanOut } from './fan-out.ts'
import type { Gateway } from './gateway.ts'
import { readContext } from './read-context.ts'
import type { Granted, QueryCall } from './request.ts'
import type { QueryResult, TargetAnswer } from './result.ts'

/** Wide, since one that hangs keeps its place until its own time limit; what runs here meanwhile is little but waiting. */
const targetsAtOnce = 64

/** Asks every target; one that fails is an answer of its own. @throws GatewayError when the only target fails */
export async function query(gateway: Gateway, request: QueryCall, callId: string): Promise<QueryResult> {
  const answers = await fanOut(request.granted, targetsAtOnce, (granted) => answerOf(gateway, request, granted))
  const [only, second] = answers
  if (only !== undefined && second === undefined && 'error' in only) throw only.error
  return { kind: 'query', call: callId, answers }
}

async function answerOf(gateway: Gateway, request: QueryCall, { target, decision }: Granted): Promise<TargetAnswer> {
  try {
    if (decision.effect !== 'allow') throw new GatewayError('denied', decision.reason, { hint: decision.hint })
    const context = readContext(gateway, request, target, request.signal)
    return { target: target.id, value: request.tool.output.parse(await request.tool.run(request.input, context)) }
  } catch (error) {
    const failure = GatewayError.from(error)
    if (failure.code === 'internal')
      gateway.log.error('query failed', { tool: request.tool.name, target: target.id, cause: failure.cause })
    return { target: target.id, error: failure }
  }
}
