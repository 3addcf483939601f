import { capabilityWords, expandCapabilities } from '../core/capability.ts'
import type { Report } from './migrate-report.ts'
import { type Path, quoted } from './problem.ts'
import { suggest } from './suggest.ts'

/** Capabilities under today's names; a word that means nothing here grants nothing. */
export function oldCapabilities(value: unknown, path: Path, report: Report): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined
  const words = typeof value === 'string' ? value.split(/[\s,]+/).filter((word) => word !== '') : value
  if (!Array.isArray(words)) {
    report.add('dropped', path, 'is no list of capabilities: nothing is granted; write a list like [system:read]')
    return []
  }
  if (typeof value === 'string') report.add('changed', path, 'was one text; is a list now')
  const given = words.flatMap((word: unknown, index) => oneWord(word, [...path, index], report))
  return [...new Set(given)]
}

function oneWord(word: unknown, path: Path, report: Report): readonly string[] {
  if (typeof word !== 'string' || !capabilityWords.includes(word)) {
    const near = typeof word === 'string' ? suggest(word, capabilityWords) : undefined
    const hint = near === undefined ? '' : `; if ${near} was meant, write that`
    report.add('dropped', path, `${quoted(word)} means nothing here: it grants nothing${hint}`)
    return []
  }
  const now = expandCapabilities([word])
  if (now.length === 1 && now[0] === word) return now
  const many = now.length > 3 ? `${now.length} capabilities, listed one by one` : now.join(', ')
  report.add('changed', path, `${word} is now ${many}`)
  return now
}
