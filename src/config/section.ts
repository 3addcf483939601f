import type { z } from 'zod'
import { explain, valueAt } from './explain.ts'
import { type Finding, type Path, pathText } from './problem.ts'
import { unknownKeys } from './unknown-keys.ts'

/** A part of the file to be checked. */
export interface Part {
  readonly value: unknown
  readonly path: Path
  readonly substituted: (path: Path) => boolean
}

/** A part checked against its schema. */
export interface Section<T> {
  /** Undefined when anything is wrong. */
  readonly parsed: T | undefined
  /** The part without the keys that are wrong; undefined when a required one is. */
  readonly sound: T | undefined
  /** The keys left out of `sound`, as text. */
  readonly failed: ReadonlySet<string>
  readonly findings: readonly Finding[]
}

/** Checks a part of the file against its schema. */
export function section<T extends z.ZodType>(schema: T, part: Part): Section<z.output<T>> {
  const { value, path, substituted } = part
  const first = schema.safeParse(value)
  const retyped = first.success ? value : withTypes(first.error.issues, part)
  const result = first.success ? first : schema.safeParse(retyped)
  const keys = unknownKeys(schema, value, path)
  if (result.success) return { parsed: result.data, sound: result.data, failed: new Set(), findings: keys }
  const { issues } = result.error
  const { rest, failed } = withoutFailures(issues, retyped)
  return {
    parsed: undefined,
    sound: schema.safeParse(rest).data,
    failed: new Set(failed.map((below) => pathText([...path, ...below]))),
    findings: [...explain(issues, { schema, value: retyped, path, substituted }), ...keys],
  }
}

function withoutFailures(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
): { rest: unknown; failed: readonly Path[] } {
  const rest = structuredClone(value)
  const failed = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...pathOf(issue), key]) : [pathOf(issue)],
  )
  const keys = failed.map((path) => path.slice(0, path.findLastIndex((part) => typeof part === 'string') + 1))
  for (const path of keys) {
    const key = path.at(-1)
    const parent = valueAt(rest, path.slice(0, -1))
    if (typeof parent === 'object' && parent !== null && key !== undefined) Reflect.deleteProperty(parent, key)
  }
  return { rest, failed: keys }
}

const pathOf = (issue: z.core.$ZodIssue): Path =>
  issue.path.map((part) => (typeof part === 'symbol' ? part.toString() : part))

/** A variable always holds text: where a number or a boolean is wanted and the text is one, it becomes one. */
function withTypes(issues: readonly z.core.$ZodIssue[], { value, path, substituted }: Part): unknown {
  const copy = structuredClone(value)
  for (const issue of issues) {
    const below = pathOf(issue)
    const key = below.at(-1)
    if (issue.code !== 'invalid_type' || key === undefined || !substituted([...path, ...below])) continue
    const parent = valueAt(copy, below.slice(0, -1))
    const typed = typedText(String(valueAt(copy, below)), issue.expected)
    if (typeof parent === 'object' && parent !== null && typed !== undefined) Reflect.set(parent, key, typed)
  }
  return copy
}

function typedText(text: string, expected: string): number | boolean | undefined {
  if ((expected === 'number' || expected === 'int') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  return expected === 'boolean' && /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : undefined
}
