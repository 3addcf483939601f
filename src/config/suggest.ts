import { nearest } from '../lib/nearest.ts'

/** The known word nearest to a mistyped one; undefined for texts and lists too long to compare in reasonable time. */
export const suggest = (word: string, known: readonly string[]): string | undefined =>
  word.length > 64 || known.length > 1000 ? undefined : nearest(word, known)
