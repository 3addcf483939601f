import type { Tool } from '../core/tool.ts'
import { matchesGlob } from '../lib/glob.ts'
import type { PolicySurroundings } from './policy-surroundings.ts'
import { type Finding, type Path, quoted } from './problem.ts'
import { suggest } from './suggest.ts'

/** The tools that a rule's list names; all where it has none. */
export const toolsNamed = ({ tools }: PolicySurroundings, names: readonly string[] | undefined): readonly Tool[] =>
  names === undefined ? tools : tools.filter(({ name }) => names.some((pattern) => matchesGlob(name, pattern)))

/** Names in a list of tools that name none. */
export function toolsFindings(
  path: Path,
  names: readonly string[] = [],
  surroundings: PolicySurroundings,
): readonly Finding[] {
  return names.flatMap((name, at): readonly Finding[] => {
    if (toolsNamed(surroundings, [name]).length > 0) return []
    const known = surroundings.tools.map((tool) => tool.name)
    const near = suggest(name, known)
    const hint = near === undefined ? 'docs/tools.md has the names' : `did you mean ${near}?`
    return [{ severity: 'error', path: [...path, at], what: `${quoted(name)} is no tool`, hint }]
  })
}
