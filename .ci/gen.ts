import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { policyReference, targetsReference } from '../src/config/reference.ts'
import { readmeWith } from './generate/figures.ts'
import { installerWith } from './generate/installer.ts'
import { scriptsModule, toolsModule } from './generate/lists.ts'
import { snapshotOf } from './generate/surface.ts'
import { loadTools } from './generate/tools.ts'
import { toolsReference } from './generate/tools-reference.ts'

/** `bun run gen` writes every derived file; with --check it writes nothing and exits 1 when one differs. */
const root = resolve(import.meta.dirname, '..')
process.chdir(root)

const surface = 'tests/surface'

async function derivedFiles(): Promise<ReadonlyMap<string, string>> {
  const tools = await loadTools(join(root, 'src/tools'))
  return new Map([
    ['src/scripts/index.ts', scriptsModule('src/scripts')],
    ['src/tools/index.ts', toolsModule(tools.map(({ name }) => name))],
    ['docs/tools.md', toolsReference(tools)],
    ['docs/targets.md', targetsReference()],
    ['docs/policy-reference.md', policyReference()],
    ['README.md', readmeWith(readFileSync('README.md', 'utf8'), readFileSync('bench/results.md', 'utf8'))],
    ['install.sh', installerWith(readFileSync('install.sh', 'utf8'), readFileSync('ct/tailops.service', 'utf8'))],
    ...tools.map((tool): [string, string] => [join(surface, `${tool.name}.json`), snapshotOf(tool)]),
  ])
}

function main(check: boolean, files: ReadonlyMap<string, string>): number {
  const changed = [...files].filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text)
  const snapshots = existsSync(surface) ? readdirSync(surface).filter((file) => file.endsWith('.json')) : []
  const left = snapshots.map((file) => join(surface, basename(file))).filter((path) => !files.has(path))
  for (const [path] of changed) console.log(check ? `${path} is not as generated: run bun run gen` : `wrote ${path}`)
  for (const path of left) console.log(check ? `${path} belongs to no tool: run bun run gen` : `removed ${path}`)
  if (check) return changed.length + left.length === 0 ? 0 : 1
  for (const [path, text] of changed) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  for (const path of left) rmSync(path)
  return 0
}

process.exitCode = main(process.argv.includes('--check'), await derivedFiles())
