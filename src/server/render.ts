import type { GatewayError } from '../core/errors.ts'
import type { Caller } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'
import type { CallResult, ChangeResult, QueryResult, TargetAnswer } from '../gateway/result.ts'
import { toToon } from '../lib/toon.ts'
import { characterStart } from '../lib/utf8.ts'
import { endAt, fenced, type Piece, takeTexts } from './fence.ts'
import { folded, type Row } from './fold.ts'

/** What a client is told of a call. */
export interface Rendered {
  readonly text: string
  /** The same as an object, for those answers that have an output schema. */
  readonly structured?: Readonly<Record<string, unknown>> | undefined
  readonly isError: boolean
}

/** The one door between targets and clients. */
export interface Door {
  /** Removes what could deceive a reader or betray a secret, from every string and key. */
  pass(value: unknown): unknown
  /** A short mark of a text that nobody outside can foresee. */
  mark(text: string): string
  /** Keeps the whole of a cut answer for its caller; returns the handle. */
  keep(output: {
    readonly text: string
    readonly caller: string
    readonly tool: string
    readonly targets: readonly string[]
  }): string
}

/** What was asked, as far as the answer depends on it. */
export interface Asked {
  readonly tool: Tool
  readonly caller: Caller
  /** `structured`: every answer also as an object that fits the tool's output schema. */
  readonly format: 'toon' | 'json' | 'structured'
}

/** 20,000 tokens, estimated as bytes ÷ 3. */
export const maxAnswerBytes = 60_000

/** Answers of a query as TOON or compact JSON, whichever is smaller; changes as compact JSON and as an object. */
export function render(result: CallResult, asked: Asked, door: Door): Rendered {
  return result.kind === 'change' ? renderChange(result, asked, door) : renderQuery(result, asked, door)
}

/** A refusal or failure: code, message, and the next step. */
export const renderError = (error: GatewayError, door: Door): Rendered => ({
  text: JSON.stringify(door.pass(errorOf(error))),
  isError: true,
})

const errorOf = ({ code, message, hint }: GatewayError) => ({
  error: code,
  message,
  ...(hint !== undefined && { hint }),
})

function renderQuery(result: QueryResult, asked: Asked, door: Door): Rendered {
  const isError = result.answers.every((answer) => 'error' in answer)
  const keep = (text: string) => kept(text, asked, door, result)
  if (asked.format === 'structured') {
    const structured = { answers: result.answers.map((answer) => objectOf(door.pass(rowOf(answer)))) }
    const text = JSON.stringify(structured)
    // Without its object the answer would not fit the output schema, which errors need not.
    return Buffer.byteLength(text) > maxAnswerBytes ? cutJson(text, keep, true) : { text, structured, isError }
  }
  const value = door.pass(answerValue(result.answers))
  if (asked.format === 'json') {
    const text = JSON.stringify(value)
    return Buffer.byteLength(text) > maxAnswerBytes ? cutJson(text, keep, isError) : { text, isError }
  }
  return { text: cutText(piecesOf(value, door), keep), isError }
}

/** One answer stands for itself; several are counted and folded. */
function answerValue(answers: readonly TargetAnswer[]): unknown {
  const [only, second] = answers
  if (only !== undefined && second === undefined && 'value' in only) return only.value
  return folded(answers.map(rowOf))
}

const rowOf = (answer: TargetAnswer): Row =>
  'value' in answer ? { ...answer.value, target: answer.target } : { target: answer.target, ...errorOf(answer.error) }

/** TOON or compact JSON, the smaller; texts of several lines follow it, fenced. */
function piecesOf(value: unknown, door: Door): readonly Piece[] {
  const { value: short, texts } = takeTexts(value)
  const json = JSON.stringify(short)
  const toon = toToon(short)
  const head = Buffer.byteLength(toon) <= Buffer.byteLength(json) ? toon : json
  return [{ text: head }, ...texts.map((text, index) => fenced(text, index + 1, door.mark(text.text)))]
}

function renderChange(result: ChangeResult, asked: Asked, door: Door): Rendered {
  const { kind: _, ...envelope } = result
  const isError = result.status === 'failed'
  const structured = objectOf(door.pass(JSON.parse(JSON.stringify(envelope))))
  const text = JSON.stringify(structured)
  if (Buffer.byteLength(text) <= maxAnswerBytes) return { text, structured, isError }
  const handle = kept(text, asked, door, { answers: result.targets })
  const shorter = objectOf(door.pass(JSON.parse(JSON.stringify(shortened(envelope, handle)))))
  return { text: JSON.stringify(shorter), structured: shorter, isError }
}

const shownTargets = 40

/** A change too long to show: every status, without previews and outputs, and where the whole of it is. */
function shortened({ targets, hint, ...envelope }: Omit<ChangeResult, 'kind'>, handle: string) {
  const rows = targets.slice(0, shownTargets).map(({ target, status }) => ({ target, status, steps: [] }))
  const left = targets.length - rows.length
  const rest = `steps, previews and outputs${left > 0 ? ` and ${left} more targets` : ''} are in get_output with handle: ${handle}`
  return { ...envelope, targets: rows, hint: hint === undefined ? rest : `${hint}; ${rest}` }
}

function kept(
  text: string,
  { tool, caller }: Asked,
  door: Door,
  { answers }: { readonly answers: readonly { readonly target: string }[] },
) {
  return door.keep({ text, caller: caller.id, tool: tool.name, targets: answers.map(({ target }) => target) })
}

/** Cuts after a whole line where there is one near; free text that is cut ends where it is cut. */
function cutText(pieces: readonly Piece[], keep: (text: string) => string): string {
  const text = pieces.map((piece) => piece.text).join('\n')
  const bytes = Buffer.from(text)
  if (bytes.length <= maxAnswerBytes) return text
  const line = bytes.lastIndexOf(10, maxAnswerBytes)
  const end = line > maxAnswerBytes / 2 ? line + 1 : characterStart(bytes, maxAnswerBytes)
  const handle = keep(text)
  const fence = endAt(pieces, end)
  return `${bytes.toString('utf8', 0, end)}${fence === undefined ? '' : `\n${fence}`}\n[cut: ${end} of ${bytes.length} bytes; get_output with handle: ${handle}, offset: ${end} has the rest]`
}

function cutJson(text: string, keep: (text: string) => string, isError: boolean): Rendered {
  const answer = {
    cut: true,
    bytes: Buffer.byteLength(text),
    handle: keep(text),
    hint: 'get_output has the whole of it',
  }
  return { text: JSON.stringify(answer), isError }
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}
