import { readFileSync } from 'node:fs'
import { z } from 'zod'

const named = z.record(z.string(), z.string()).default({})
const lockFile = z.object({
  workspaces: z.object({ '': z.object({ dependencies: named }) }),
  packages: z.record(z.string(), z.array(z.unknown())),
})
const details = z.object({ dependencies: named, optionalDependencies: named })

/** A package as it is compiled in. */
interface Component {
  readonly name: string
  readonly version: string
  readonly integrity: string | undefined
}

/** The bill of materials of the executables: all that our own packages bring with them by the lock file, and the runtime. */
export function billOfMaterials({ version, date }: { readonly version: string; readonly date: string }): string {
  const components = [...compiledIn(), runtime()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(describe)
  const subject = { type: 'application', 'bom-ref': 'tailops', name: 'tailops', version }
  const bom = {
    ...{ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 },
    metadata: { timestamp: date, component: { ...subject, licenses: [{ license: { id: 'MIT' } }] } },
    components,
  }
  return `${JSON.stringify(bom, undefined, 1)}\n`
}

/** Walks the lock file from our own dependencies; a package nested in another one is found first. */
function compiledIn(): readonly Component[] {
  const text = readFileSync('bun.lock', 'utf8')
  // The lock file is JSON with commas before closing brackets.
  const { workspaces, packages } = lockFile.parse(JSON.parse(text.replace(/,(\s*[}\]])/g, '$1')))
  const found = new Map<string, Component>()
  const visit = (name: string, parents: readonly string[]): void => {
    const key = nearestKey(name, parents, packages)
    // What is optional and not installed is not in the lock file; cpu-features is left out by the build.
    if (key === undefined || found.has(key) || name === 'cpu-features') return
    const [id, , more, integrity] = packages[key] ?? []
    const { dependencies } = details.parse(more ?? {})
    const version = z
      .string()
      .parse(id)
      .slice(name.length + 1)
    found.set(key, { name, version, integrity: z.string().optional().parse(integrity) })
    for (const dependency of Object.keys(dependencies)) visit(dependency, [...parents, name])
  }
  for (const name of Object.keys(workspaces[''].dependencies)) visit(name, [])
  return [...found.values()]
}

function nearestKey(name: string, parents: readonly string[], packages: Readonly<Record<string, unknown>>) {
  const keys = parents.map((_, index) => [...parents.slice(0, parents.length - index), name].join('/'))
  const direct = parents.toReversed().map((parent) => `${parent}/${name}`)
  return [...keys, ...direct, name].find((key) => key in packages)
}

function runtime(): Component {
  const { devDependencies } = z
    .object({ devDependencies: named })
    .parse(JSON.parse(readFileSync('package.json', 'utf8')))
  return { name: 'bun', version: devDependencies['bun'] ?? '', integrity: undefined }
}

function describe({ name, version, integrity }: Component) {
  const [, algorithm, digest] = /^(sha512)-(.+)$/.exec(integrity ?? '') ?? []
  const hashes =
    algorithm === undefined
      ? {}
      : { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest ?? '', 'base64').toString('hex') }] }
  const license = licenseOf(name)
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  return {
    ...{ type: 'library', 'bom-ref': purl, name, version, purl },
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
    ...hashes,
  }
}

const packageFile = z.object({
  license: z.string().optional(),
  /** As packages were described before 2015. */
  licenses: z.array(z.object({ type: z.string() })).default([]),
})

function licenseOf(name: string): string | undefined {
  const { license, licenses } = packageFile.parse(JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')))
  return license ?? licenses[0]?.type
}
