/** A copy without the fields that are undefined or empty text. */
export function withoutEmpty<T extends object>(value: T): T {
  const kept = { ...value }
  for (const [key, field] of Object.entries(kept)) {
    if (field === undefined || field === '') Reflect.deleteProperty(kept, key)
  }
  return kept
}

/**
 * Rows without the columns that say nothing in any row: empty text everywhere, or 0 everywhere for those in `quietAtZero`.
 * All rows keep the same columns, so that they print as one table.
 */
export function withoutEmptyColumns<T extends object>(rows: readonly T[], quietAtZero: readonly (keyof T)[] = []): T[] {
  const quiet = new Set<PropertyKey>(quietAtZero)
  const says = (key: string, field: unknown) => field !== undefined && field !== '' && !(field === 0 && quiet.has(key))
  const spoken = new Set(
    rows.flatMap((row) => Object.entries(row).flatMap(([key, field]) => (says(key, field) ? [key] : []))),
  )
  return rows.map((row) => {
    const kept = { ...row }
    for (const key of Object.keys(kept)) if (!spoken.has(key)) Reflect.deleteProperty(kept, key)
    return kept
  })
}
