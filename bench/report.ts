import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** A part of bench/results.md. */
export interface Section {
  readonly title: string
  readonly text: string
}

/** Puts sections into the file: those of the same title are replaced, the others stay, new ones come last. */
export function keepSections(path: string, heading: string, sections: readonly Section[]): void {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const kept = new Map(sectionsOf(before).map((section) => [section.title, section]))
  for (const section of sections) kept.set(section.title, section)
  const parts = [...kept.values()].map(({ title, text }) => `## ${title}\n\n${text.trim()}`)
  writeFileSync(path, `${[heading.trim(), ...parts].join('\n\n')}\n`)
}

function sectionsOf(text: string): readonly Section[] {
  const [, ...parts] = text.split(/^## /m)
  return parts.map((part) => {
    const end = part.indexOf('\n')
    return { title: part.slice(0, end).trim(), text: part.slice(end + 1) }
  })
}
