import { describe, expect, test } from 'bun:test'
import type { Node } from 'typescript/unstable/ast'
import {
  isAsExpression,
  isExportAssignment,
  isIdentifier,
  isInterfaceDeclaration,
  isNewExpression,
  isNonNullExpression,
  isPropertyAccessExpression,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { functionLengths, readSources, type Source } from './architecture/source-tree.ts'

/** From the ground up. A file may import its own folder and any lower floor, nothing else. */
const floors = [
  ['lib'],
  ['core', 'formats', 'scripts'],
  ['config', 'executors', 'fleet', 'guests', 'state', 'demo', 'release'],
  ['tools', 'gateway'],
  ['server', 'cli'],
  ['gateway-targets.ts'],
  ['gateway-app.ts'],
  ['app.ts'],
  ['main.ts'],
]

/** Packages with an API of their own, and the only places that know it. */
const doors: Readonly<Record<string, string | readonly string[]>> = {
  yaml: 'config/read-yaml.ts',
  '@toon-format/toon': 'lib/toon.ts',
  '@modelcontextprotocol/': 'server/',
  hono: 'server/',
  jose: 'server/auth/',
  'node:sqlite': 'state/',
  dockerode: 'executors/docker-connect.ts',
  ssh2: 'executors/ssh-link',
  'node:child_process': ['executors/local.ts', 'release/run-program.ts'],
}

/** Where time, randomness, the environment and the console are at hand; all others are handed them. */
const edges = /^(lib\/|gateway-targets\.ts$|gateway-app\.ts$|app\.ts$|main\.ts$)/

const sources = await readSources()

describe('floors', () => {
  test('every import goes down, or stays in its folder', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports.filter((other) => !mayImport(path, other)).map((other) => `${path} → ${other}`),
    )
    expect(wrong).toEqual([])
  })

  test('every folder stands on a floor', () => {
    const known = floors.flat()
    expect(sources.map(({ path }) => roomOf(path)).filter((room) => !known.includes(room))).toEqual([])
  })

  test('no file imports itself, by whatever way round', () => {
    expect(cycles(new Map(sources.map(({ path, imports }) => [path, imports])))).toEqual([])
  })

  test('core needs no package but zod, and does no I/O', () => {
    const wrong = sources
      .filter(({ path }) => /^(core|formats|scripts)\//.test(path))
      .flatMap(({ path, packages }) => packages.filter((name) => name !== 'zod').map((name) => `${path} → ${name}`))
    expect(wrong).toEqual([])
  })

  test('a package with an API of its own has one door', () => {
    const wrong = sources.flatMap(({ path, packages }) =>
      packages.filter((name) => !isDoorOf(path, name)).map((name) => `${path} → ${name}`),
    )
    expect(wrong).toEqual([])
  })

  test('only server/listen.ts knows Bun', () => {
    const users = sources.filter(({ path }) => path !== 'server/listen.ts')
    const imports = users.flatMap(({ path, packages }) => packages.filter(isBun).map((name) => `${path} → ${name}`))
    const globals = places(users, (node) => isIdentifier(node) && node.text === 'Bun')
    expect([...imports, ...globals]).toEqual([])
  })

  test('only the gateway and executors perform', () => {
    const others = sources.filter(({ path }) => !/^(gateway|executors)\//.test(path))
    expect(places(others, (node) => isPropertyAccessExpression(node) && node.name.text === 'perform')).toEqual([])
  })
})

describe('sizes', () => {
  test('files: none over 300 lines, nine of ten at most 200', () => {
    expect(sources.filter(({ lines }) => lines > 300).map(({ path, lines }) => `${path}: ${lines}`)).toEqual([])
    expect(ninetieth(sources.map(({ lines }) => lines))).toBeLessThanOrEqual(200)
  })

  test('functions: none over 60 lines, nine of ten at most 25', () => {
    const lengths = sources.flatMap(functionLengths)
    expect(lengths.filter(({ lines }) => lines > 60).map(({ at, lines }) => `${at}: ${lines}`)).toEqual([])
    expect(ninetieth(lengths.map(({ lines }) => lines))).toBeLessThanOrEqual(25)
  })

  test('a context has at most 9 members', () => {
    expect(membersOf('core/context.ts', 'Context').length).toBeLessThanOrEqual(9)
  })

  test('an executor performs, reconciles and closes, nothing more', () => {
    expect(membersOf('core/executor.ts', 'Executor')).toEqual(['perform', 'reconcile', 'close'])
  })
})

describe('style', () => {
  test('no any', () => {
    expect(places(sources, ({ kind }) => kind === SyntaxKind.AnyKeyword)).toEqual([])
  })

  test('no non-null assertion', () => {
    expect(places(sources, isNonNullExpression)).toEqual([])
  })

  test('no @ts- comment', () => {
    expect(sources.filter(({ text }) => /(\/\/|\*)\s*@ts-/.test(text)).map(({ path }) => path)).toEqual([])
  })

  test('an assertion other than as const has its reason beside it', () => {
    const unexplained = sources.flatMap(({ nodes, text, at }) =>
      nodes.filter((node) => isAsExpression(node) && !isExplained(node, text)).map(at),
    )
    expect(unexplained).toEqual([])
  })

  test('only tools and commands are exported by default', () => {
    const others = sources.filter(({ path }) => !/^(tools|cli)\//.test(path))
    expect(places(others, isExportAssignment)).toEqual([])
  })

  test('time, randomness, environment and console are handed in', () => {
    const inside = sources.filter(({ path }) => !edges.test(path))
    expect(places(inside, readsSurroundings)).toEqual([])
  })

  test('randomness comes from lib/', () => {
    const makers = /\b(randomBytes|randomUUID|randomInt|getRandomValues)\b/
    const inside = sources.filter(({ path }) => !edges.test(path))
    expect(inside.filter(({ text }) => makers.test(text)).map(({ path }) => path)).toEqual([])
  })
})

test('the parser sees what it must: imports of every form, and functions', () => {
  const command = sources.find(({ path }) => path === 'cli/command.ts')
  expect(command?.imports).toContain('core/ports.ts')
  expect(sources.flatMap(functionLengths).length).toBeGreaterThan(sources.length)
  expect(
    cycles(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['a']],
      ]),
    ).length,
  ).toBe(1)
  expect(mayImport('core/x.ts', 'formats/y.ts')).toBe(false)
})

const roomOf = (path: string): string => path.split('/')[0] ?? path

function mayImport(path: string, other: string): boolean {
  const [here, there] = [roomOf(path), roomOf(other)]
  if (here === there || there === '..') return here === there || other === '../package.json'
  return floorOf(there) < floorOf(here)
}

const floorOf = (room: string): number => floors.findIndex((rooms) => rooms.includes(room))

function isDoorOf(path: string, name: string): boolean {
  const [, door = ''] =
    Object.entries(doors).find(([package_]) => name === package_ || name.startsWith(withSlash(package_))) ?? []
  return [door].flat().some((place) => path.startsWith(place))
}

const withSlash = (name: string): string => (name.endsWith('/') ? name : `${name}/`)

const isBun = (name: string): boolean => name === 'bun' || name.startsWith('bun:')

const places = (among: readonly Source[], matches: (node: Node) => boolean): readonly string[] =>
  among.flatMap(({ nodes, at }) => nodes.filter(matches).map(at))

const ninetieth = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length * 0.9)] ?? 0

function membersOf(path: string, name: string): readonly (string | undefined)[] {
  const nodes = sources.find((source) => source.path === path)?.nodes ?? []
  const declaration = nodes.filter(isInterfaceDeclaration).find((node) => node.name.text === name)
  if (declaration === undefined) throw new Error(`${path} has no interface ${name}`)
  return declaration.members.map((member) => /^(?:readonly )?(\w+)/.exec(member.getText())?.[1])
}

function isExplained(node: Node, text: string): boolean {
  if (isAsExpression(node) && node.type.getText() === 'const') return true
  const before = text.slice(0, node.getStart()).split('\n')
  const [ownLine = ''] = text.slice(text.lastIndexOf('\n', node.end - 1) + 1).split('\n')
  return [before.at(-2) ?? '', ownLine].some((line) => /\/\/|^\s*\*|\*\//.test(line))
}

/** Date.now(), new Date(), Math.random(), performance.now(), process.env, console. */
function readsSurroundings(node: Node): boolean {
  if (isNewExpression(node)) return node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0
  if (!isPropertyAccessExpression(node)) return false
  const text = `${node.expression.getText()}.${node.name.text}`
  return /^(Date\.now|Math\.random|performance\.now|process\.env|console\.\w+)$/.test(text)
}

/** Each cycle once, as `a → b → a`. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>()
  const found: string[] = []
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
    if (trail.includes(path) || done.has(path)) return
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) walk(path, [])
  return found
}
