import type { z } from 'zod'
import { type Finding, type Path, pathText, quoted } from './problem.ts'
import { notes, schemaAt } from './schema-walk.ts'
import { suggest } from './suggest.ts'

/** A section of the file, the schema it failed and where it stands. */
export interface Checked {
  readonly schema: z.core.$ZodType
  readonly value: unknown
  readonly path: Path
  /** Whether the value at a path came out of a `${VAR}` or a file, and so is not shown. */
  readonly substituted: (path: Path) => boolean
}

/** What zod found wrong, in our words: what is wrong with which key, and the next step. */
export function explain(issues: readonly z.core.$ZodIssue[], checked: Checked): readonly Finding[] {
  return issues.filter(({ code }) => code !== 'unrecognized_keys').map((issue) => finding(issue, checked))
}

function finding(issue: z.core.$ZodIssue, checked: Checked): Finding {
  const below = issue.path.map((part) => (typeof part === 'symbol' ? part.toString() : part))
  const path = [...checked.path, ...below]
  const value = valueAt(checked.value, below)
  const schema = schemaAt(checked.schema, below)
  const name = pathText(path)
  const meaning = schema === undefined ? undefined : notes(schema).description
  if (value === undefined) {
    const key = below.at(-1)
    return { severity: 'error', path, what: `${name} is missing`, hint: `add ${key}: ${meaning ?? 'it is required'}` }
  }
  const hidden = checked.substituted(path) || (schema !== undefined && notes(schema).secret === true)
  const shown = hidden || typeof value === 'object' ? name : `${name} ${quoted(value)}`
  const { what, hint } = words(issue, value)
  return { severity: 'error', path, what: `${shown} ${what}`, hint }
}

interface Words {
  readonly what: string
  readonly hint: string
}

function words(issue: z.core.$ZodIssue, value: unknown): Words {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, value)
    case 'invalid_value': {
      const known = issue.values.map(String)
      const near = typeof value === 'string' ? suggest(value, known) : undefined
      return {
        what: 'is not one of the values known here',
        hint: near === undefined ? `use one of ${known.join(', ')}` : `did you mean ${near}?`,
      }
    }
    case 'too_small':
      if (issue.origin === 'string') return { what: 'is empty', hint: 'give it a value or remove the key' }
      return {
        what: 'is too small',
        hint: `use ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`,
      }
    case 'too_big':
      return { what: 'is too large', hint: `use at most ${issue.maximum}` }
    case 'custom':
      return { what: issue.message, hint: String(issue.params?.['hint'] ?? 'change it') }
    case 'invalid_format':
      return { what: 'has characters that are not allowed here', hint: 'use letters, digits, dots and dashes' }
    case 'invalid_key':
      return { what: 'is no name', hint: 'begin with a letter; use letters, digits, dashes and underscores' }
    default:
      return { what: 'has the wrong type', hint: 'see docs/targets.md for what may stand here' }
  }
}

const typeNames: Readonly<Record<string, string>> = {
  number: 'number',
  int: 'whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'list',
  object: 'map',
  record: 'map',
}

function wrongType(expected: string, value: unknown): Words {
  const wanted = typeNames[expected] ?? expected
  return {
    what: `is ${typeOf(value)}, not ${expected === 'boolean' ? wanted : `a ${wanted}`}`,
    hint: typeHint(expected, value),
  }
}

function typeHint(expected: string, value: unknown): string {
  const numeric = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
  if (expected === 'number') return numeric ? `write ${value} without quotes` : 'write a number without a unit'
  if (expected === 'int') return 'write a whole number'
  if (expected === 'string') return typeof value === 'object' ? 'write one value' : 'put it in quotes'
  if (expected === 'boolean') return 'write true or false, without quotes'
  if (expected === 'array') return 'write a list: [a, b]'
  return 'write key: value lines, indented below it'
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (value === null) return 'empty'
  const names = { string: 'text', number: 'a number', boolean: 'true or false', object: 'a map' } as const
  const type = typeof value
  return type === 'string' || type === 'number' || type === 'boolean' || type === 'object' ? names[type] : type
}

/** The value at a path below, or undefined. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, part) ? Reflect.get(at, part) : undefined,
    value,
  )
}
