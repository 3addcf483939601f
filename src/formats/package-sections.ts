import type { PackageChange } from './package-change.ts'
import { isPackageName } from './package-name.ts'
import { linesOf, wholeNumber } from './sections.ts'

/** How a simulation ended: its exit code and what it said on stderr. Undefined when it did not end. */
export function endOf(
  sections: ReadonlyMap<string, string>,
): { readonly code: number; readonly said: readonly string[] } | undefined {
  const [code = '', ...said] = (sections.get('end') ?? '').split('\n')
  return /^\d+$/.test(code) ? { code: Number(code), said } : undefined
}

/** When the package index was refreshed, in seconds since 1970; undefined when there is none. */
export function indexAt(sections: ReadonlyMap<string, string>): number | undefined {
  const stamps = linesOf(sections.get('index')).flatMap((line) => wholeNumber(line) ?? [])
  return stamps.length === 0 ? undefined : Math.max(...stamps)
}

/** What is installed: `bash 5.2-1` or `bash.x86_64 1:5.2-1` a line; of several versions the last one counts. */
export function installedVersions(sections: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map(
    linesOf(sections.get('installed')).flatMap((line): [string, string][] => {
      const [name = '', version = ''] = line.split(' ')
      return isPackageName(name) ? [[name, version]] : []
    }),
  )
}

/** Sorted by name and architecture. */
export const byName = (changes: readonly PackageChange[]): readonly PackageChange[] =>
  changes.toSorted((a, b) => (label(a) < label(b) ? -1 : Number(label(a) > label(b))))

const label = ({ name, arch = '' }: PackageChange): string => `${name}.${arch}`
