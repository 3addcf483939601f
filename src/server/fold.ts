/** An answer of one target, or why there is none. */
export interface Row {
  readonly target: string
  readonly [field: string]: unknown
}

interface Group {
  readonly targets: string[]
  readonly row: Readonly<Record<string, unknown>>
}

/**
 * What many targets said, told once where they agree: `asked` counts them, equal answers are one row that names its
 * targets, and one that differs from the commonest in a few fields shows those fields alone.
 */
export function folded(rows: readonly Row[]): { readonly asked: string; readonly answers: readonly object[] } {
  const groups = groupsOf(rows)
  const commonest = commonestOf(groups)
  return {
    asked: countsOf(rows),
    answers: groups.map((group) => {
      const target = nameOf(group, rows.length)
      if (group === commonest || commonest === undefined || 'error' in group.row) return { target, ...group.row }
      return { target, ...difference(commonest.row, group.row) }
    }),
  }
}

function groupsOf(rows: readonly Row[]): readonly Group[] {
  const groups = new Map<string, Group>()
  for (const { target, ...row } of rows) {
    const key = JSON.stringify(row)
    const same = groups.get(key)
    if (same === undefined) groups.set(key, { targets: [target], row: { ...row } })
    else same.targets.push(target)
  }
  return [...groups.values()].toSorted((a, b) => b.targets.length - a.targets.length)
}

/** The answer that at least half of those have given who gave one; undefined when there is none such. */
function commonestOf(groups: readonly Group[]): Group | undefined {
  const answered = groups.filter(({ row }) => !('error' in row))
  const [first] = answered
  const all = answered.reduce((sum, { targets }) => sum + targets.length, 0)
  return first !== undefined && first.targets.length > 1 && first.targets.length * 2 >= all ? first : undefined
}

function countsOf(rows: readonly Row[]): string {
  const failed = rows.filter((row) => 'error' in row).length
  return `${rows.length}: ${rows.length - failed} answered${failed === 0 ? '' : `, ${failed} failed`}`
}

const nameOf = ({ targets }: Group, all: number): string =>
  targets.length === 1 ? targets.join() : `${targets.length} of ${all}: ${targets.join(' ')}`

/** The fields in which an answer is not as the commonest; the whole of it when that is most of them. */
function difference(common: Group['row'], row: Group['row']): object {
  const fields = [...new Set([...Object.keys(common), ...Object.keys(row)])]
  const other = fields.filter((field) => JSON.stringify(common[field]) !== JSON.stringify(row[field]))
  if (other.length * 2 > fields.length) return row
  return { differs: Object.fromEntries(other.map((field) => [field, row[field] ?? 'absent'])) }
}
