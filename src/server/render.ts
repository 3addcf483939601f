import type { GatewayError } from '../core/errors.ts'
import type { CallResult } from '../gateway/result.ts'
import { toToon } from '../lib/toon.ts'

/** What a client is told of a call. */
export interface Rendered {
  readonly text: string
  readonly isError: boolean
}

/** Answers of a query as TOON or compact JSON, whichever is smaller; changes as compact JSON. */
export function render(result: CallResult, format: 'toon' | 'json' | undefined): Rendered {
  if (result.kind === 'change') {
    const { kind: _, ...envelope } = result
    return { text: JSON.stringify(envelope), isError: result.status === 'failed' }
  }
  const [only, second] = result.answers
  if (only !== undefined && second === undefined && 'value' in only)
    return { text: smaller(only.value, format), isError: false }
  const rows = result.answers.map((answer) =>
    'value' in answer
      ? { target: answer.target, ...answer.value }
      : { target: answer.target, ...errorOf(answer.error) },
  )
  return { text: smaller({ answers: rows }, format), isError: result.answers.every((answer) => 'error' in answer) }
}

/** A refusal or failure: code, message, and the next step. */
export const renderError = (error: GatewayError): Rendered => ({ text: JSON.stringify(errorOf(error)), isError: true })

const errorOf = ({ code, message, hint }: GatewayError) => ({
  error: code,
  message,
  ...(hint !== undefined && { hint }),
})

function smaller(value: object, format: 'toon' | 'json' | undefined): string {
  const json = JSON.stringify(value)
  if (format === 'json') return json
  const toon = toToon(value)
  return Buffer.byteLength(toon) <= Buffer.byteLength(json) ? toon : json
}
