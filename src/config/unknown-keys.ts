import type { z } from 'zod'
import { type Finding, type Path, pathText, quoted } from './problem.ts'
import { child, isStrict, keysOf, notes } from './schema-walk.ts'
import { suggest } from './suggest.ts'

/** Keys that no schema knows, with the nearest known one, and keys that do nothing here. */
export function unknownKeys(schema: z.core.$ZodType, value: unknown, path: Path): readonly Finding[] {
  if (typeof value !== 'object' || value === null) return []
  const known = keysOf(schema)
  return Object.entries(value).flatMap(([key, field]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key]
    const below = child(schema, key)
    if (below === undefined) return known === undefined ? [] : unknown(schema, { known, key, at })
    const instead = notes(below).unused
    if (instead !== undefined) return [notUsed(at, instead)]
    return unknownKeys(below, field, at)
  })
}

interface Unknown {
  readonly known: readonly string[]
  readonly key: string
  readonly at: Path
}

function unknown(schema: z.core.$ZodType, { known, key, at }: Unknown): readonly Finding[] {
  const used = known.filter((name) => {
    const below = child(schema, name)
    return below !== undefined && notes(below).unused === undefined
  })
  const near = suggest(key, used)
  if (near === undefined && notes(schema).open === true) return []
  const where = pathText(at.slice(0, -1))
  const hint = near === undefined ? `known keys: ${used.join(', ')}` : `did you mean ${near}?`
  const severity = isStrict(schema) ? 'error' : 'warning'
  return [{ severity, path: at, atKey: true, what: `unknown key ${quoted(key)} in ${where}`, hint }]
}

const notUsed = (at: Path, instead: string): Finding => ({
  severity: 'warning',
  path: at,
  atKey: true,
  ignored: true,
  what: `${pathText(at)} is not used`,
  hint: `remove it; ${instead}`,
})
