import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { shownFiles } from './support/markdown.ts'

setDefaultTimeout(60_000)

const root = join(import.meta.dirname, '..')
const copy = mkdtempSync(join(tmpdir(), 'tailops-contributing-'))
afterAll(() => rmSync(copy, { recursive: true, force: true }))

const bun = join(root, 'node_modules/.bin/bun')

function run(args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const env = { ...process.env, TAILOPS_STATE_DIR: join(copy, 'state'), TAILOPS_CONFIG: join(copy, 'targets.yaml') }
  const { status, stdout, stderr } = spawnSync(bun, args, { cwd: copy, env, encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

test('the tool that CONTRIBUTING.md adds passes its checks, and answers', () => {
  for (const part of [
    'src',
    '.ci',
    'ct',
    'tests/support',
    'tests/surface',
    'tests/architecture',
    'package.json',
    'install.sh',
    'README.md',
    'bench/results.md',
    'tsconfig.json',
  ])
    cpSync(join(root, part), join(copy, part), { recursive: true })
  mkdirSync(join(copy, 'docs'))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const files = shownFiles('.github/CONTRIBUTING.md')
  expect(files.map(({ path }) => dirname(path))).toEqual([
    'src/scripts/read',
    'src/formats',
    'src/tools',
    'tests/tools',
  ])
  for (const { path, text } of files) {
    mkdirSync(join(copy, dirname(path)), { recursive: true })
    writeFileSync(join(copy, path), text)
  }
  writeFileSync(
    join(copy, 'targets.yaml'),
    'version: "1.0"\ntargets: { local: { executor: local, capabilities: [system:read] } }\n',
  )
  expect(run(['.ci/gen.ts'])).toMatchObject({
    status: 0,
    said: expect.stringContaining('tests/surface/list_swaps.json'),
  })
  const own = run(['test', 'tests/tools/list_swaps.test.ts'])
  expect(own.said).toContain(' 4 pass')
  expect(own.status).toBe(0)
  const types = {
    extends: './tsconfig.json',
    include: files.map(({ path }) => path).filter((path) => path.endsWith('.ts')),
  }
  writeFileSync(join(copy, 'tsconfig.example.json'), JSON.stringify(types))
  expect(run(['node_modules/.bin/tsc', '--noEmit', '-p', 'tsconfig.example.json']).said).not.toContain('swaps')
  expect(run(['src/main.ts', 'call', 'list_swaps', '--format=json'])).toMatchObject({
    status: 0,
    said: expect.stringContaining('"swaps":'),
  })
})
