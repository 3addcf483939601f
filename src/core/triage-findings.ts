import type { z } from 'zod'
import { findings } from './fleet-findings.ts'
import type { FleetView } from './fleet-view.ts'

/** A finding of a source, or why there is none. */
export type Found<Value> = { readonly data: Value; readonly at: Date } | { readonly error: string }

/** Reads what an inspection kept: `found(view, 'home', findings.tasks)`. Undefined when nobody has inspected the source yet. */
export function found<S extends z.ZodType>(view: FleetView, source: string, schema: S): Found<z.output<S>> | undefined {
  const [name] = Object.entries(findings).find(([, known]) => Object.is(known, schema)) ?? []
  const finding = name === undefined ? undefined : view.findings(source)?.[name]
  if (finding === undefined) return undefined
  if (finding.error !== undefined) return { error: finding.error }
  const parsed = schema.safeParse(finding.data)
  return parsed.success ? { data: parsed.data, at: finding.at } : { error: 'kept by another version' }
}
