import { GatewayError } from '../core/errors.ts'
import { isAction } from '../core/tool.ts'
import { change } from './change.ts'
import { eachGuest } from './choose-guests.ts'
import { access, refuseDenied } from './decide-call.ts'
import { decideOnGuests } from './decide-guests.ts'
import type { Gateway } from './gateway.ts'
import { parseInput } from './parse-input.ts'
import { query } from './query.ts'
import { type Recorder, recorder } from './recorder.ts'
import type { Call } from './request.ts'
import type { CallResult } from './result.ts'

export type { Gateway } from './gateway.ts'
export type { Call } from './request.ts'

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
  const allowed = access(gateway, request, input)
  record.decided(allowed)
  refuseDenied(tool, allowed)
  const parts = await eachGuest(gateway, request, { input, granted: allowed })
  const granted = await decideOnGuests(gateway, request, { input, granted: parts })
  if (granted !== allowed) record.decided(granted)
  refuseDenied(tool, granted)
  if (isAction(tool)) return change(gateway, { ...request, tool, input, granted }, record)
  const result = await query(gateway, { ...request, tool, input, granted }, record.call)
  await record.finished(result.answers.some((answer) => 'error' in answer) ? 'partial' : 'done')
  return result
}
