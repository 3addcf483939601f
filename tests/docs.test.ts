import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { commands } from '../src/cli/index.ts'
import { parseTargets } from '../src/config/load.ts'
import { parsePolicy } from '../src/config/load-policy.ts'
import { severityLine } from '../src/config/problem.ts'
import { capabilities, capabilityWords } from '../src/core/capability.ts'
import { defaultConstraints, type Target } from '../src/core/target.ts'
import { listed } from '../src/server/listing.ts'
import { tools } from '../src/tools/index.ts'
import { codeLines, linksOf, readPage, shownFiles } from './support/markdown.ts'

const root = join(import.meta.dirname, '..')
const inFolder = (folder: string) => readdirSync(join(root, folder)).map((file) => `${folder}/${file}`)
const paths = ['README.md', ...inFolder('docs'), ...inFolder('.github')].filter((path) => path.endsWith('.md'))
const pages = [...paths, 'tests/security/README.md'].map(readPage)

/** What is wrong on the pages, each with its page. */
const wrong = (find: (page: (typeof pages)[number]) => readonly string[]): readonly string[] =>
  pages.flatMap((page) => [...new Set(find(page))].map((what) => `${page.path}: ${what}`))

/** Texts of all files below, of which a name must be part. */
const textBelow = (folder: string): string =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(root, folder, file))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')

const productText = textBelow('src')
const shippedText = ['install.sh', 'package.json'].map((file) => readFileSync(join(root, file), 'utf8')).join('\n')
const sourceText = [productText, shippedText, ...['.ci', 'ct', '.github/workflows'].map(textBelow)].join('\n')
/** Files of the example in CONTRIBUTING.md, which contributing.test.ts tries. */
const exampleFiles = shownFiles('.github/CONTRIBUTING.md')
const exampleText = exampleFiles.map(({ text }) => text).join('\n')
const testFiles = readdirSync(join(root, 'tests'), { recursive: true, encoding: 'utf8' }).join('\n')
const sourceWords = new Set(`${sourceText}\n${exampleText}\n${testFiles}`.match(/\w+/g))

describe('links', () => {
  test('lead to files and headings that are there', () => {
    expect(wrong((page) => linksOf(page).filter((target) => !leads(page.path, target)))).toEqual([])
  })

  test('every page of docs/ is linked by another page', () => {
    const linked = new Set(
      pages.flatMap((page) =>
        linksOf(page)
          .map((target) => placeOf(page.path, target))
          .filter((to) => to !== page.path),
      ),
    )
    expect(paths.filter((path) => path.startsWith('docs/') && !linked.has(path))).toEqual([])
  })

  test('files of the project that code names are there', () => {
    const names =
      /^(?:(?:src|tests|docs|bench|ct|\.ci|\.github|core|server|gateway|executors|state|fleet|config)\/[\w./-]+\.\w+)$/
    const isThere = (path: string) =>
      existsSync(join(root, path)) ||
      existsSync(join(root, 'src', path)) ||
      exampleFiles.some((file) => file.path === path)
    expect(wrong(({ spans }) => spans.filter((span) => names.test(span) && !isThere(span)))).toEqual([])
  })
})

const placeOf = (path: string, target: string): string => normalize(join(dirname(path), target.replace(/#.*$/, '')))

function leads(path: string, target: string): boolean {
  if (/^(https?|mailto):/.test(target)) return true
  const [, anchor] = target.split('#')
  const to = target.startsWith('#') ? path : placeOf(path, target)
  if (!existsSync(join(root, to))) return false
  return anchor === undefined || pages.some((page) => page.path === to && page.anchors.has(anchor))
}

describe('commands', () => {
  const usages = new Map<string, Usage>()

  test('every `tailops …` of the docs is one that the program takes', async () => {
    for (const { name, load } of commands) usages.set(name, usageOf(name, (await load()).default.usage))
    expect(
      wrong((page) =>
        codeLines(page)
          .flatMap(invocations)
          .flatMap((words) => mistakes(words, usages)),
      ),
    ).toEqual([])
  })

  test('every command is shown in the README', () => {
    const shown = new Set(
      readPage('README.md')
        .spans.flatMap(invocations)
        .map(([name]) => name),
    )
    expect(commands.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([])
  })

  test('every option of the scripts is one that they take', () => {
    const found = (page: (typeof pages)[number]) =>
      codeLines(page).flatMap((line) =>
        [...line.matchAll(/\b(install\.sh|tailops-gateway\.sh)\b([^|;&]*)/g)].flatMap(([, script = '', rest = '']) => {
          const text = readFileSync(join(root, script === 'install.sh' ? script : `ct/${script}`), 'utf8')
          return flagsOf(rest.split(/\s+/)).filter((flag) => !text.includes(`${flag})`) && !text.includes(`${flag} |`))
        }),
      )
    expect(wrong(found)).toEqual([])
  })

  test('every `npm run …` is a script of package.json', () => {
    const { scripts }: { readonly scripts: object } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const named = (line: string) => [...line.matchAll(/\b(?:npm|bun) run ([\w:]+)/g)].map(([, name = '']) => name)
    expect(
      wrong((page) =>
        codeLines(page)
          .flatMap(named)
          .filter((name) => !(name in scripts)),
      ),
    ).toEqual([])
  })
})

interface Usage {
  readonly text: string
  /** `mint`, `list`: what must come next, where there is any. */
  readonly verbs: readonly string[]
  /** The source without the text of its usage. */
  readonly code: string
}

function usageOf(name: string, text: string): Usage {
  const verbs = [...text.matchAll(new RegExp(`^tailops ${name} ([a-z|]+)`, 'gm'))].flatMap(([, words = '']) =>
    words.split('|'),
  )
  return {
    text,
    verbs,
    code: readFileSync(join(root, `src/cli/${name}.ts`), 'utf8').replace(/const usage = `[^`]*`/, ''),
  }
}

/** The words behind each `tailops` that is called on a line: `['token', 'mint', '--name', 'x']`. */
function invocations(line: string): readonly (readonly string[])[] {
  const calls = line.matchAll(
    /(?:^|[\s("'`$#])(?<!-u |-g |add )(?:[\w./~-]*\/)?tailops +((?:--?)?[a-z](?!\w*:)[^;&#`()]*)/g,
  )
  return [...calls].map(([, rest = '']) => (rest.split(/ [|>] | {2,}/)[0] ?? '').trim().split(/\s+/))
}

const flagsOf = (words: readonly string[]): readonly string[] =>
  words.flatMap((word) => /^[[|]*(--[a-z][a-z-]*)/.exec(word)?.[1] ?? [])

function mistakes([first = '', ...rest]: readonly string[], usages: ReadonlyMap<string, Usage>): readonly string[] {
  if (first === '--help') return []
  if (first.startsWith('-')) return productText.includes(`'${first}': [`) ? [] : [`tailops ${first}`]
  const usage = usages.get(first)
  if (usage === undefined) return [`tailops ${first}`]
  if (first === 'call') return wrongCall(rest)
  const named = rest
    .filter((word) => /^[a-z|]+$/.test(word))
    .slice(0, 1)
    .flatMap((word) => word.split('|'))
  const verbs = usage.verbs.length === 0 ? [] : named.filter((word) => !usage.verbs.includes(word))
  const flags = flagsOf(rest).filter((flag) => flag !== '--help' && !takes(usage, flag))
  return [...verbs, ...flags].map((word) => `tailops ${first} ${word}`)
}

const takes = ({ text, code }: Usage, flag: string): boolean =>
  new RegExp(`${flag}(?![\\w-])`).test(text) && new RegExp(`\\b${flag.slice(2)}\\b`).test(code)

function wrongCall([name = '', ...rest]: readonly string[]): readonly string[] {
  if (name === 'TOOL' || name === '') return []
  const tool = tools.find((candidate) => candidate.name === name)
  if (tool === undefined && exampleText.includes(`name: '${name}'`)) return []
  if (tool === undefined) return [`tailops call ${name}`]
  const known = Object.keys(listed(tool).inputSchema.properties ?? {})
  const given = rest.flatMap((word) => /^--([\w-]+)/.exec(word)?.[1] ?? [])
  return given.filter((argument) => !known.includes(argument)).map((argument) => `tailops call ${name} --${argument}`)
}

/** Settings of another program that a page explains. */
const ofTsidp = ['allow_dcr']

describe('names', () => {
  test('every tool that is called is there', () => {
    const called = (line: string) => [
      ...[...line.matchAll(/"name": ?"([a-z_]+)"/g)].map(([, name = '']) => name),
      ...[...line.matchAll(/\b([a-z]+(?:_[a-z]+)+) \{/g)].map(([, name = '']) => name),
    ]
    const isTool = (name: string) => tools.some((tool) => tool.name === name)
    expect(
      wrong((page) =>
        codeLines(page)
          .flatMap(called)
          .filter((name) => !isTool(name)),
      ),
    ).toEqual([])
  })

  test('every name in code is a name of the source', () => {
    const names = (line: string) => line.match(/\b[a-z]+(?:_[a-z0-9]+)+\b/g) ?? []
    const code = (page: (typeof pages)[number]) => [
      ...page.spans,
      ...page.blocks.filter(({ language }) => !['yaml', 'transcript'].includes(language)).map(({ text }) => text),
    ]
    expect(
      wrong((page) =>
        code(page)
          .flatMap(names)
          .filter((name) => !sourceWords.has(name) && !ofTsidp.includes(name)),
      ),
    ).toEqual([])
  })

  test('every capability is one', () => {
    const nouns = new Set(capabilities.map((name) => name.replace(/:.*/, '')))
    const words = (line: string) =>
      (line.match(/(?<![\w/."-])[a-z]+:[a-z]+\b/g) ?? []).filter((word) => nouns.has(word.replace(/:.*/, '')))
    const old = ['docs/migrate.md']
    const found = (page: (typeof pages)[number]) =>
      old.includes(page.path)
        ? []
        : codeLines(page)
            .flatMap(words)
            .filter((word) => !capabilityWords.includes(word))
    expect(wrong(found)).toEqual([])
  })

  test('every capability is explained in docs/policy.md', () => {
    const explained = readPage('docs/policy.md').spans
    expect(capabilities.filter((name) => !explained.includes(name))).toEqual([])
  })

  test('every folder of src stands in docs/architecture.md', () => {
    const named = readPage('docs/architecture.md').spans
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.map(({ name }) => `${name}/`).filter((name) => !named.includes(name))).toEqual([])
  })
})

describe('environment', () => {
  const ours = /\b(?:TAILOPS|SYSTEMMANAGER)_[A-Z_]*[A-Z]\b/g
  /** Fixed when a binary is built. */
  const built = [...productText.matchAll(/declare const (\w+)/g)].map(([, name = '']) => name)
  const read = new Set([
    ...(productText.match(ours) ?? []),
    ...(['.ci', 'ct'].map(textBelow).concat(shippedText).join('\n').match(ours) ?? []),
  ])
  /** Set by systemd for a service with credentials; targets.yaml may refer to it. */
  const foreign = ['CREDENTIALS_DIRECTORY']
  const clusterKeys = [
    ...readFileSync(join(root, 'src/config/proxmox-env.ts'), 'utf8').matchAll(/\bread\('(\w+)'\)/g),
  ].map(([, key = '']) => key)

  test('every variable of ours that the docs name is read', () => {
    const named = (page: (typeof pages)[number]) => codeLines(page).flatMap((line) => line.match(ours) ?? [])
    expect(wrong((page) => named(page).filter((name) => !read.has(name)))).toEqual([])
  })

  test('every other variable in code is one that the source knows', () => {
    const named = (line: string) => line.match(/\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b/g) ?? []
    const known = (name: string) =>
      foreign.includes(name) || sourceWords.has(name) || clusterKeys.some((key) => name === `PROXMOX_${key}`)
    expect(
      wrong((page) =>
        codeLines(page)
          .flatMap(named)
          .filter((name) => !known(name)),
      ),
    ).toEqual([])
  })

  test('every variable that the program reads stands in docs/settings.md', () => {
    const documented = readPage('docs/settings.md').spans.join(' ')
    const words = new Set(documented.match(/[A-Z]\w+/g))
    const wanted = [...productText.matchAll(/\benv(?:\.|\[')([A-Z][A-Z_]+)/g)].map(([, name = '']) => name)
    const own = [...readFileSync(join(root, 'src/config/old-names.ts'), 'utf8').matchAll(/'([A-Z]+(?:_[A-Z]+)+)'/g)]
    const names = [...wanted, ...own.map(([, name = '']) => name)].filter((name) => !built.includes(name))
    expect([...new Set(names)].filter((name) => !words.has(name))).toEqual([])
    expect([...new Set(clusterKeys)].filter((key) => !words.has(key))).toEqual([])
  })
})

describe('examples', () => {
  test('every yaml is a policy.yaml, a targets.yaml, or targets of one, without any problem', () => {
    const problems = (page: (typeof pages)[number]) =>
      page.blocks.filter(({ language }) => language === 'yaml').flatMap(({ text }) => problemsOf(text))
    expect(wrong(problems)).toEqual([])
  })

  test('every json is JSON', () => {
    const broken = (page: (typeof pages)[number]) =>
      page.blocks.filter(({ language, text }) => language === 'json' && !isJson(text)).map(({ text }) => text)
    expect(wrong(broken)).toEqual([])
  })
})

/** What the examples of policies are about. */
const web1: Target = { id: 'web-1', kind: 'ssh', tags: ['web'], capabilities, constraints: defaultConstraints }

function problemsOf(text: string): readonly string[] {
  if (/^rules:/m.test(text)) {
    const policy = { file: 'example', text, env: {}, readFile: () => 'something' }
    return parsePolicy(policy, { tools, targets: [web1] }).problems.map(severityLine)
  }
  const whole = /^targets:/m.test(text) ? text : `version: "1.0"\ntargets:\n${text.replaceAll(/^/gm, '  ')}`
  const references = [...whole.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => [name, 'something'])
  const source = { file: 'example', text: whole, env: { HOME: '/root', ...Object.fromEntries(references) } }
  return parseTargets({ ...source, readFile: () => 'something' }).problems.map(severityLine)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
