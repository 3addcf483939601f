import { GatewayError } from '../core/errors.ts'
import type { Caller } from '../core/target.ts'
import { isAction, type Tool } from '../core/tool.ts'
import { change } from './change.ts'
import { access } from './decide-call.ts'
import type { Gateway } from './gateway.ts'
import { parseInput } from './parse-input.ts'
import { query } from './query.ts'
import { type Recorder, recorder } from './recorder.ts'
import type { CallResult } from './result.ts'

export type { Gateway } from './gateway.ts'

/** One call of one tool, arguments not yet parsed. */
export interface Call {
  readonly tool: Tool
  readonly targets?: readonly string[] | undefined
  readonly input: unknown
  readonly caller: Caller
  readonly signal: AbortSignal
  readonly dryRun?: boolean | undefined
  readonly approval?: string | undefined
  readonly requestId?: string | undefined
  readonly batch?: Batch | undefined
  progress?(message: string): void
}

/** A change on many targets: so many at a time, no further ones after so many failures. */
export interface Batch {
  readonly size: number
  readonly max_failures: number
}

/**
 * The one path of a call: parse, resolve, decide, then read; or plan, approve, record, perform.
 * @throws GatewayError with every listed code; each is audited first
 */
export async function call(gateway: Gateway, request: Call): Promise<CallResult> {
  const record = recorder(gateway, request)
  try {
    return await decideAndDo(gateway, request, record)
  } catch (error) {
    const failure = GatewayError.from(error)
    if (failure.code === 'internal')
      gateway.log.error('call failed', { call: record.call, tool: request.tool.name, cause: failure.cause })
    await record.finished(failure.code, failure.message)
    throw failure
  }
}

async function decideAndDo(gateway: Gateway, request: Call, record: Recorder): Promise<CallResult> {
  const { tool } = request
  const input = parseInput(tool, request.input)
  record.input(input)
  const granted = access(gateway, request, input)
  record.decided(granted)
  if (isAction(tool)) return change(gateway, { ...request, tool, input, granted }, record)
  const result = await query(gateway, { ...request, tool, input, granted }, record.call)
  await record.finished(result.answers.some((answer) => 'error' in answer) ? 'partial' : 'done')
  return result
}
