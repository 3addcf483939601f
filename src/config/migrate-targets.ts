import { oldCapabilities } from './migrate-capabilities.ts'
import { type Making, oldConnection, remarkOnTrust } from './migrate-connection.ts'
import { kindOf } from './migrate-executor.ts'
import { type OldVariables, withReferences } from './migrate-references.ts'
import type { Report } from './migrate-report.ts'
import { type Fields, fieldsAt, isFields, isPlaceholder, plainValue, textOf, wordOf } from './migrate-values.ts'
import { type Path, pathText, quoted } from './problem.ts'
import { idFinding } from './target-id.ts'

/** What an old targets.yaml gives: a gateway section and targets, still to be checked by our own rules. */
export interface OldTargets {
  readonly gateway: Fields
  readonly targets: ReadonlyMap<string, Fields>
}

/** What old targets are made ours with. */
export interface TargetsMaking extends Making {
  readonly variables: OldVariables
  /** Gets the names of variables that targets refer to. */
  readonly used: Set<string>
  /** Ids that another file has taken. */
  readonly taken: ReadonlySet<string>
}

/** Targets of any old shape: a map by id, or a list with `id` in each. */
export function oldTargets(old: Fields, making: TargetsMaking): OldTargets {
  const { report } = making
  const value = withoutPlaceholders(old, [], report)
  const content = isFields(value) ? value : {}
  const targets = new Map<string, Fields>()
  for (const { key, raw, path } of entriesOf(content['targets'], report)) {
    const id = idOf(key, raw, { path, report })
    if (!isFields(raw)) report.add('dropped', path, 'is no map: what it is cannot be told')
    else if (id === undefined) report.add('dropped', path, `${quoted(key)} cannot be made an id; name it and add it`)
    else if (targets.has(id) || making.taken.has(id))
      report.add('dropped', path, `${id} is there already; rename one of the two`)
    else {
      const made = oneTarget(id, raw, making)
      if (made !== undefined) targets.set(id, made)
    }
  }
  const { targets: _, gateway: __, version, ...rest } = content
  if (version !== undefined && version !== '1.0') report.add('changed', ['version'], `${quoted(version)} became "1.0"`)
  for (const key of Object.keys(rest)) report.add('dropped', [key], whyNot[key] ?? 'nothing here is called so')
  return { gateway: gatewayOf(content['gateway'], report), targets }
}

const whyNot: Readonly<Record<string, string>> = {
  global_constraints: 'nothing applied them; write constraints at each target',
  security_policies: 'nothing read them; every change needs approval here',
  audit_config: 'every call is audited',
}

interface Entry {
  readonly key: string
  readonly raw: unknown
  readonly path: Path
}

function entriesOf(targets: unknown, report: Report): readonly Entry[] {
  if (Array.isArray(targets)) {
    report.add('changed', ['targets'], 'was a list; is a map by id now')
    return targets.map((raw: unknown, index) => {
      const key = textOf(isFields(raw) ? (raw['id'] ?? raw['name'] ?? raw['host']) : undefined)
      return { key: key ?? '', raw, path: ['targets', index] }
    })
  }
  if (isFields(targets)) return Object.entries(targets).map(([key, raw]) => ({ key, raw, path: ['targets', key] }))
  if (targets !== undefined && targets !== null) report.add('dropped', ['targets'], 'is neither a map nor a list')
  return []
}

function idOf(key: string, raw: unknown, { path, report }: { path: Path; report: Report }): string | undefined {
  if (isPlaceholder(key)) {
    const id = isFields(raw) && raw['executor'] === 'local' ? 'local' : wordOf(key.replace(/\{\{.*?\}\}/g, ''))
    report.add('changed', path, `the placeholder was never filled in; the id is ${id} now`)
    return id === '' ? undefined : id
  }
  if (key === '') return undefined
  if (idFinding(key) === undefined) return key
  const word = wordOf(key.replace(/^(tag|kind|cluster|segment):/, ''))
  const id = [word, `${word}-1`].find((candidate) => candidate !== '' && idFinding(candidate) === undefined)
  if (id !== undefined) report.add('changed', path, `the id is ${id} now; ${idFinding(key)?.hint ?? ''}`)
  return id
}

function oneTarget(id: string, given: Fields, making: TargetsMaking): Fields | undefined {
  const { report } = making
  const path: Path = ['targets', id]
  const whole = withReferences(flattened(given), id, making)
  const raw = isFields(whole) ? whole : {}
  const { executor, drop } = kindOf(id, raw, report)
  if (executor === undefined) {
    report.add('dropped', path, drop)
    return undefined
  }
  const { id: ownId, type: _, executor: __, connection: old, capabilities, constraints, metadata, ...rest } = raw
  if (ownId !== undefined) report.add('dropped', [...path, 'id'], `the key names the target: ${id}`)
  const connection = oldConnection(id, executor, { old, making })
  if (executor === 'ssh') remarkOnTrust(id, connection, making)
  const made: Record<string, unknown> = { executor, ...rest }
  if (connection !== undefined) made['connection'] = connection
  const granted = oldCapabilities(capabilities, [...path, 'capabilities'], report)
  if (granted !== undefined) made['capabilities'] = granted
  if (constraints !== undefined && constraints !== null) made['constraints'] = limits(constraints, path, report)
  if (isFields(metadata)) made['metadata'] = tagged(metadata, path, report)
  else if (metadata !== undefined && metadata !== null) report.add('dropped', [...path, 'metadata'], 'is no map')
  return made
}

/** The list form says at the target itself what the map form says in `connection` and `metadata`. */
function flattened(raw: Fields): Fields {
  if (raw['connection_method'] === undefined && raw['host'] === undefined) return raw
  const { connection_method: method, host, credential_path: credential, tags, roles, ...rest } = raw
  const connection = { ...fieldsAt(raw, 'connection'), ...given({ host, credential_path: credential }) }
  const metadata = { ...fieldsAt(raw, 'metadata'), ...given({ tags, role: roles }) }
  return { executor: method, ...rest, connection, metadata }
}

const given = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))

function limits(constraints: unknown, path: Path, report: Report): unknown {
  if (!isFields(constraints)) return constraints
  const at = [...path, 'constraints']
  const typed = Object.entries(constraints).flatMap(([key, value]): readonly (readonly [string, unknown])[] => {
    if (value === null) return []
    const now = plainValue(value)
    if (now !== value && typeof now === 'number') report.add('changed', [...at, key], 'text became a number')
    return [[key, typeof now === 'number' ? now : value]]
  })
  const made = Object.fromEntries(typed)
  if (made['sudo_policy'] === 'limited' && made['sudo_commands'] === undefined)
    report.add(
      'changed',
      [...at, 'sudo_policy'],
      'narrower: limited means the programs in sudo_commands, and none is listed',
    )
  return made
}

function tagged(metadata: Fields, path: Path, report: Report): Fields {
  const { tags } = metadata
  if (typeof tags !== 'string') return metadata
  report.add('changed', [...path, 'metadata', 'tags'], 'was one text; is a list now')
  return { ...metadata, tags: tags.split(/[\s,]+/).filter((tag) => tag !== '') }
}

function gatewayOf(value: unknown, report: Report): Fields {
  if (value === undefined || value === null) return {}
  if (!isFields(value)) {
    report.add('dropped', ['gateway'], 'is no map')
    return {}
  }
  const { gateway_id: oldId, id = oldId, ...rest } = value
  if (oldId !== undefined) {
    const isSame = id === oldId
    report.add(isSame ? 'changed' : 'dropped', ['gateway', 'gateway_id'], isSame ? 'is called id now' : 'id counts')
  }
  return given({ ...rest, id })
}

/** `{{system.hostname}}` and the like were shipped and never filled in. */
function withoutPlaceholders(value: unknown, path: Path, report: Report): unknown {
  if (Array.isArray(value))
    return value.flatMap((item: unknown, index) => {
      const now = withoutPlaceholders(item, [...path, index], report)
      return now === undefined ? [] : [now]
    })
  if (isFields(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, below]) => [key, withoutPlaceholders(below, [...path, key], report)]),
    )
  if (!isPlaceholder(value)) return value
  report.add('dropped', path, `a placeholder that nothing ever filled in; write what ${pathText(path)} shall be`)
  return undefined
}
