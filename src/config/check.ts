import { dirname } from 'node:path'
import { expandCapabilities } from '../core/capability.ts'
import { buildTargets } from './build.ts'
import { crossCheck, type Declared } from './cross-check.ts'
import { valueAt } from './explain.ts'
import { type Finding, type Path, pathText, quoted } from './problem.ts'
import { executorKinds, fileSchema, isExecutorKind, type RawTarget, targetSchemas } from './schema.ts'
import { type Part, section } from './section.ts'
import { suggest } from './suggest.ts'
import { idFinding } from './target-id.ts'
import type { TargetsConfig } from './targets-config.ts'

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
  const surroundings = { folders, segment: gateway?.segment, declared }
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
      ...read.flatMap(({ id, sound, failed }) =>
        sound === undefined ? [] : crossCheck(id, sound, declared).filter(({ path }) => !failed.has(pathText(path))),
      ),
    ],
  }
}

interface Read {
  readonly id: string
  readonly raw: RawTarget | undefined
  /** The target without the keys that are wrong, for the checks across keys; undefined when that is no target. */
  readonly sound: RawTarget | undefined
  /** The keys left out of it. */
  readonly failed: ReadonlySet<string>
  readonly findings: readonly Finding[]
}

function oneTarget(id: string, part: Part): Read {
  const body = targetBody(part)
  const named = idFinding(id)
  return named === undefined ? { id, ...body } : { ...body, id, raw: undefined, findings: [named, ...body.findings] }
}

function targetBody(part: Part): Omit<Read, 'id'> {
  const { value, path } = part
  const executor = valueAt(value, ['executor'])
  if (isExecutorKind(executor)) {
    const { parsed, sound, failed, findings } = section(targetSchemas[executor], part)
    return { raw: parsed, sound, failed, findings }
  }
  const nothing = { raw: undefined, sound: undefined, failed: new Set<string>() }
  const known = executorKinds.join(', ')
  if (!isMap(value))
    return { ...nothing, findings: [failure(path, 'is no map', `write executor: local below it (or ${known})`)] }
  // Whatever it is meant to be, the keys that every target has can be looked at.
  const others = Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'executor' && key !== 'connection'))
  const { findings } = section(targetSchemas.local, { ...part, value: { ...others, executor: 'local' } })
  const near = typeof executor === 'string' ? suggest(executor, executorKinds) : undefined
  const hint = near === undefined ? `write executor: and one of ${known}` : `did you mean ${near}?`
  const what = executor === undefined ? 'is missing' : `${quoted(executor)} is no executor`
  return {
    ...nothing,
    findings: [failure([...path, 'executor'], what, hint), ...findings.filter(({ severity }) => severity === 'error')],
  }
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
