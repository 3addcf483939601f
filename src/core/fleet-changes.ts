import type { Fact, FleetChange } from './fleet.ts'
import { since } from './triage-words.ts'

/** A change with the number it is kept under, and what the thing is called now. */
export interface NamedChange extends FleetChange {
  readonly seq: number
  readonly name?: Fact | undefined
}

/** One or several changes in a few words: `{ ago: '5m', id: 'pve:home/101', name: 'proxy', what: 'status', change: 'running → stopped' }` */
export interface ChangeRow {
  readonly ago: string
  readonly id: string
  readonly name: string
  readonly what: string
  readonly change: string
  readonly cause: string
}

/** Oldest first, as they came. What one thing did in a row is one line; so is what happened to many at once. Pure. */
export function changeRows(changes: readonly NamedChange[], now: Date): readonly ChangeRow[] {
  return alike(inARow(changes).map((run) => rowOf(run, now)))
}

/** Changes of one thing until it is made or deleted; the order is that of their last ones. */
function inARow(changes: readonly NamedChange[]): readonly (readonly NamedChange[])[] {
  const open = new Map<string, NamedChange[]>()
  const runs: NamedChange[][] = []
  for (const change of changes) {
    const run = open.get(change.id)
    if (change.what === 'changed' && run !== undefined && run[0]?.cause === change.cause) {
      run.push(change)
      continue
    }
    const begun = [change]
    runs.push(begun)
    if (change.what === 'changed') open.set(change.id, begun)
    else open.delete(change.id)
  }
  return runs.toSorted((a, b) => (a.at(-1)?.seq ?? 0) - (b.at(-1)?.seq ?? 0))
}

function rowOf(run: readonly NamedChange[], now: Date): ChangeRow {
  const [first] = run
  const last = run.at(-1)
  if (first === undefined || last === undefined) throw new TypeError('a run of changes has at least one')
  const [oldest, newest] = [since(first.at, now), since(last.at, now)]
  const { id, kind, fields, what, cause = '' } = first
  const row = { ago: oldest === newest ? newest : `${oldest}-${newest}`, id, cause }
  const [before, after] = fields['name'] ?? []
  const name = String((what === 'deleted' ? before : undefined) ?? last.name ?? after ?? before ?? '')
  if (what === 'changed') return { ...row, name, ...changed(run) }
  const side = what === 'created' ? 1 : 0
  const fact = (field: string) => fields[field]?.[side]
  const node = fact('node')
  const seen = [kind, node === undefined || node === null ? '' : `on ${word(node)}`, word(fact('status') ?? 'unknown')]
  return { ...row, name, what, change: seen.filter((part) => part !== '').join(' ') }
}

/** What a field's change is called; all others are configuration. */
const aspects: Readonly<Record<string, string>> = {
  status: 'status',
  lock: 'status',
  ha: 'status',
  node: 'moved',
  name: 'renamed',
  addresses: 'address',
  ip: 'address',
  health: 'health',
  agent: 'health',
}

function changed(run: readonly NamedChange[]): { readonly what: string; readonly change: string } {
  const fields = [...new Set(run.flatMap((change) => Object.keys(change.fields)))]
  const what = [...new Set(fields.map((field) => aspects[field] ?? 'config'))].join('+')
  const parts = fields.map((field) => {
    const steps = run.flatMap((change) => change.fields[field] ?? [])
    // Each step begins where the last one ended: told once.
    const values = steps.filter((_, index) => index % 2 === 1 || index === 0 || steps[index] !== steps[index - 1])
    const chain = shortened(values.map(word).filter((value, index, all) => index === 0 || value !== all[index - 1]))
    return fields.length === 1 && aspects[field] !== undefined && field !== 'lock' ? chain : `${field} ${chain}`
  })
  return { what, change: parts.join('; ') }
}

const mostSteps = 6

const shortened = (values: readonly string[]): string =>
  values.length <= mostSteps
    ? values.join(' → ')
    : `${values.slice(0, 2).join(' → ')} → … ${values.length - 4} more … → ${values.slice(-2).join(' → ')}`

function word(fact: Fact | null): string {
  if (fact === null) return 'none'
  return typeof fact === 'object' ? fact.join(' ') : String(fact)
}

/** What happened to several things at once and in the same way is one line with all of their names. */
function alike(rows: readonly ChangeRow[]): readonly ChangeRow[] {
  const key = ({ ago, id, what, change, cause }: ChangeRow) =>
    JSON.stringify([ago, id.slice(0, id.lastIndexOf('/') + 1) || id, what, change, cause])
  return [...Map.groupBy(rows, key).values()].flatMap((same) => {
    const [first] = same
    if (first === undefined || same.length === 1) return same
    const ids = same.map(({ id }, index) => (index === 0 ? id : id.slice(id.lastIndexOf('/') + 1)))
    return [{ ...first, id: ids.join(' '), name: same.map(({ name }) => name || '?').join(' ') }]
  })
}
