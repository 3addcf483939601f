import { dirname } from 'node:path'
import type { z } from 'zod'
import { expandCapabilities } from '../core/capability.ts'
import { nearest } from '../lib/nearest.ts'
import { buildTargets } from './build.ts'
import { crossCheck, type Declared } from './cross-check.ts'
import { type Checked, explain, valueAt } from './explain.ts'
import { type Finding, type Path, pathText, quoted } from './problem.ts'
import { executorKinds, fileSchema, isExecutorKind, type RawTarget, targetSchemas } from './schema.ts'
import { idFinding } from './target-id.ts'
import type { TargetsConfig } from './targets-config.ts'
import { unknownKeys } from './unknown-keys.ts'

/** The content of targets.yaml as plain values, references replaced. */
export interface Content {
  readonly file: string
  readonly home: string | undefined
  readonly value: unknown
  readonly substituted: (path: Path) => boolean
}

/** Checks a file's content against the schemas: what it declares, and everything wrong with it. */
export function checkTargets(content: Content): {
  readonly config: TargetsConfig
  readonly findings: readonly Finding[]
} {
  const top = section(fileSchema, { ...content, path: [] })
  const targets = valueAt(content.value, ['targets'])
  const entries = isMap(targets) ? Object.entries(targets) : []
  const declared: Declared = new Map(entries.map(([id, raw]) => [id, String(valueAt(raw, ['executor']))]))
  const read = entries.map(([id, raw]) => oneTarget(id, { ...content, value: raw, path: ['targets', id] }))
  const raws = read.flatMap(({ id, raw }) => (raw === undefined ? [] : [{ id, raw }]))
  const gateway = top.parsed?.gateway
  const folders = { config: dirname(content.file), home: content.home }
  const surroundings = { folders, segment: gateway?.segment, declared: [...declared.keys()] }
  return {
    config: {
      gateway: {
        id: gateway?.id ?? gateway?.gateway_id,
        name: gateway?.name,
        segment: gateway?.segment,
        capabilities: gateway?.capabilities ?? expandCapabilities(['fleet:read', 'gateway:read']),
      },
      targets: raws.flatMap(({ id, raw }) => buildTargets(id, raw, surroundings)),
    },
    findings: [
      ...top.findings,
      ...unversioned(content.value),
      ...read.flatMap(({ findings }) => findings),
      ...raws.flatMap(({ id, raw }) => crossCheck(id, raw, declared)),
    ],
  }
}

interface Read {
  readonly id: string
  readonly raw: RawTarget | undefined
  readonly findings: readonly Finding[]
}

interface Part {
  readonly value: unknown
  readonly path: Path
  readonly substituted: (path: Path) => boolean
}

function oneTarget(id: string, part: Part): Read {
  const named = idFinding(id)
  const { raw, findings } = targetBody(part)
  return {
    id,
    raw: named === undefined ? raw : undefined,
    findings: named === undefined ? findings : [named, ...findings],
  }
}

function targetBody(part: Part): Omit<Read, 'id'> {
  const { value, path } = part
  const executor = valueAt(value, ['executor'])
  if (isExecutorKind(executor)) {
    const { parsed, findings } = section(targetSchemas[executor], part)
    return { raw: parsed, findings }
  }
  const known = executorKinds.join(', ')
  if (!isMap(value))
    return { raw: undefined, findings: [failure(path, 'is no map', `write executor: local below it (or ${known})`)] }
  // Whatever it is meant to be, its other keys can be looked at as those of an ssh target.
  const others = Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'executor' && key !== 'connection'))
  const { findings } = section(targetSchemas.local, { ...part, value: { ...others, executor: 'local' } })
  const near = typeof executor === 'string' ? nearest(executor, executorKinds) : undefined
  const hint = near === undefined ? `write executor: and one of ${known}` : `did you mean ${near}?`
  const what = executor === undefined ? 'is missing' : `${quoted(executor)} is no executor`
  return {
    raw: undefined,
    findings: [failure([...path, 'executor'], what, hint), ...findings.filter(({ severity }) => severity === 'error')],
  }
}

function section<T extends z.ZodType>(
  schema: T,
  part: Part,
): { parsed: z.output<T> | undefined; findings: readonly Finding[] } {
  const { value, path, substituted } = part
  const first = schema.safeParse(value)
  const retyped = first.success ? value : withTypes(first.error.issues, part)
  const result = first.success ? first : schema.safeParse(retyped)
  const keys = unknownKeys(schema, value, path)
  if (result.success) return { parsed: result.data, findings: keys }
  const checked: Checked = { schema, value: retyped, path, substituted }
  return { parsed: undefined, findings: [...explain(result.error.issues, checked), ...keys] }
}

/** A variable always holds text: where a number or a boolean is wanted and the text is one, it becomes one. */
function withTypes(issues: readonly z.core.$ZodIssue[], { value, path, substituted }: Part): unknown {
  const copy = structuredClone(value)
  for (const issue of issues) {
    const below = issue.path.map((part) => (typeof part === 'symbol' ? part.toString() : part))
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

function unversioned(value: unknown): readonly Finding[] {
  if (!isMap(value) || Object.hasOwn(value, 'version')) return []
  return [{ severity: 'warning', path: [], what: 'version is missing; read as "1.0"', hint: 'add version: "1.0"' }]
}

const failure = (path: Path, what: string, hint: string): Finding => ({
  severity: 'error',
  path,
  what: `${pathText(path)} ${what}`,
  hint,
})

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
