import type { NoSimulation, Simulation } from './package-change.ts'
import { apkSimulation } from './package-simulation-apk.ts'
import { aptSimulation } from './package-simulation-apt.ts'
import { dnfSimulation } from './package-simulation-dnf.ts'
import { pacmanSimulation } from './package-simulation-pacman.ts'
import { zypperSimulation } from './package-simulation-zypper.ts'
import { parseSections } from './sections.ts'

type Parser = (sections: ReadonlyMap<string, string>) => Simulation | NoSimulation | undefined

/** By the program that simulates. */
const parsers: ReadonlyMap<string, Parser> = new Map([
  ['apt-get', aptSimulation],
  ['dnf', dnfSimulation],
  ['zypper', zypperSimulation],
  ['pacman', pacmanSimulation],
  ['apk', apkSimulation],
])

/** Reads what `read/package-simulation` printed; undefined when a change in it cannot be read. */
export function parseSimulation(output: string): Simulation | NoSimulation | undefined {
  const sections = parseSections(output)
  const manager = sections.get('manager')?.trim()
  if (manager === undefined) return undefined
  const parse = parsers.get(manager)
  if (parse === undefined) return { failed: 'manager', manager }
  if (sections.has('root')) return { failed: 'root', manager }
  return parse(sections)
}
