import { z } from 'zod'
import type { FieldNotes } from './fields.ts'
import type { Path } from './problem.ts'

type Schema = z.core.$ZodType

/** The schema itself, without optional, default and transform around it. */
export function bare(schema: Schema): Schema {
  const within = inner(schema)
  return within === undefined ? schema : bare(within)
}

/** What is noted about a key, the outermost note first. */
export function notes(schema: Schema): FieldNotes {
  const own: FieldNotes = z.globalRegistry.get(schema) ?? {}
  const within = inner(schema)
  return within === undefined ? own : { ...notes(within), ...own }
}

/** The default written in the schema, or undefined. */
export function defaultOf(schema: Schema): unknown {
  if (schema instanceof z.ZodDefault) return schema.def.defaultValue
  const within = inner(schema)
  return within === undefined ? undefined : defaultOf(within)
}

/** The schema of one key or index below; undefined when there is none. */
export function child(schema: Schema, part: string | number): Schema | undefined {
  const plain = bare(schema)
  if (plain instanceof z.ZodObject) return Object.hasOwn(plain.shape, part) ? plain.shape[part] : undefined
  if (plain instanceof z.ZodRecord) return plain.valueType
  return plain instanceof z.ZodArray ? plain.element : undefined
}

/** The schema at a path below, or undefined. */
export function schemaAt(schema: Schema, path: Path): Schema | undefined {
  return path.reduce<Schema | undefined>((at, part) => (at === undefined ? undefined : child(at, part)), schema)
}

/** The known keys of an object's schema; undefined for anything else. */
export function keysOf(schema: Schema): readonly string[] | undefined {
  const plain = bare(schema)
  return plain instanceof z.ZodObject ? Object.keys(plain.shape) : undefined
}

/** Whether unknown keys of an object's schema are errors. */
export function isStrict(schema: Schema): boolean {
  const plain = bare(schema)
  return plain instanceof z.ZodObject && plain.def.catchall instanceof z.ZodNever
}

function inner(schema: Schema): Schema | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return schema.unwrap()
  if (!(schema instanceof z.ZodPipe)) return undefined
  return schema.in instanceof z.ZodTransform ? schema.out : schema.in
}
