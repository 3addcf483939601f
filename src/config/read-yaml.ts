import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { type Finding, type Path, type Position, type Problem, pathText, quoted } from './problem.ts'
import { maxFileBytes } from './read-text-file.ts'
import { substitute } from './substitute.ts'

/** A file of ours and what its references are read from. */
export interface Source {
  readonly file: string
  readonly text: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Text of a file of this machine, for `file:/path`. Throws when it cannot be read. */
  readFile(path: string): string
  /** What stands at its top, for hints: `version: "1.0" and targets:`. */
  readonly top?: string | undefined
}

/** Findings with their places, broken references among them. */
export function located(content: Content, findings: readonly Finding[]): readonly Problem[] {
  return told(content.references, findings).map(({ severity, what, hint, ...at }): Problem => {
    return { severity, file: content.file, ...content.placeOf(at), what, hint }
  })
}

/** A broken reference is told once, and not at all below a key that does nothing. */
function told(references: readonly Finding[], findings: readonly Finding[]): readonly Finding[] {
  const ignored = new Set(findings.filter((finding) => finding.ignored === true).map(({ path }) => placeKey(path)))
  const matter = references.filter(({ path }) => !path.some((_, at) => ignored.has(placeKey(path.slice(0, at + 1)))))
  const failed = new Set(references.map(({ path }) => placeKey(path)))
  return [...matter, ...findings.filter(({ path, severity }) => severity === 'warning' || !failed.has(placeKey(path)))]
}

/** In order of place. */
export const inOrder = (problems: readonly Problem[]): readonly Problem[] =>
  problems.toSorted((a, b) => a.line - b.line || a.column - b.column)

/** A file as plain values, and what kept it from being read. */
export interface Tree {
  /** Undefined when the text is no YAML. */
  readonly content: Content | undefined
  readonly problems: readonly Problem[]
}

/** The values of a file and where they stand. */
export interface Content {
  readonly file: string
  readonly value: unknown
  /** What is wrong with references to variables and files. */
  readonly references: readonly Finding[]
  /** Whether the value at this path came from a variable or a file. */
  substituted(path: Path): boolean
  placeOf(at: Pick<Finding, 'path' | 'atKey'>): Position
}

const maxNodes = 100_000
const maxDepth = 64
const maxSyntaxProblems = 100

/** Reads the text of a file of ours. Never throws. */
export function readYaml(source: Source): Tree {
  const unfit = unfitText(source)
  if (unfit !== undefined) return { content: undefined, problems: [{ severity: 'error', file: source.file, ...unfit }] }
  const lines = new LineCounter()
  const document = parseDocument(source.text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'error',
  })
  const reading: Reading = {
    source,
    placeAt: (offset) => {
      const { line, col } = lines.linePos(offset)
      return { line: Math.max(1, line), column: Math.max(1, col) }
    },
    places: new Map(),
    replaced: new Set(),
    anchors: new Map(),
    problems: [],
    findings: [],
    nodes: 0,
  }
  for (const error of document.errors.slice(0, maxSyntaxProblems)) syntaxProblem(reading, error)
  if (document.errors.length > 0) return { content: undefined, problems: reading.problems }
  if (document.contents === null) return { content: undefined, problems: [emptyFile(source)] }
  const value = plain(reading, document.contents, { path: [] })
  if (reading.nodes > maxNodes) return { content: undefined, problems: reading.problems }
  if (!isMap(document.contents)) {
    const words = { what: 'the file is no map', hint: `write ${source.top ?? targetsTop} at the top` }
    report(reading, document.contents, words)
    return { content: undefined, problems: reading.problems }
  }
  return { content: contentOf(reading, value), problems: reading.problems }
}

const targetsTop = 'version: "1.0" and targets:'

const emptyFile = ({ file, top = targetsTop }: Source): Problem => ({
  severity: 'error',
  file,
  line: 1,
  column: 1,
  what: 'the file is empty',
  hint: `write ${top}`,
})

function contentOf({ source: { file }, places, replaced, findings, placeAt }: Reading, value: unknown): Content {
  return {
    file,
    value,
    references: findings,
    substituted: (path) => replaced.has(placeKey(path)),
    placeOf: ({ path, atKey }) => {
      for (let length = path.length; length >= 0; length--) {
        const place = places.get(placeKey(path.slice(0, length)))
        if (place === undefined) continue
        return placeAt(length === path.length && atKey !== true ? place.value : (place.key ?? place.value))
      }
      return { line: 1, column: 1 }
    },
  }
}

/** What makes a text no YAML file at all. */
function unfitText({ text }: Source): (Position & { readonly what: string; readonly hint: string }) | undefined {
  const start = { line: 1, column: 1 }
  if (text.length > maxFileBytes)
    return {
      ...start,
      what: `the file has ${text.length} characters, more than 1 MiB`,
      hint: 'check that it is the right file',
    }
  const nul = text.indexOf('\0')
  if (nul < 0) return undefined
  const before = text.slice(0, nul).split('\n')
  const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
  return { ...place, what: 'a NUL character', hint: 'save the file as UTF-8 text' }
}

interface Reading {
  readonly source: Source
  placeAt(offset: number): Position
  /** By path, as JSON: offsets of a value and of its key. */
  readonly places: Map<string, { readonly key: number | undefined; readonly value: number }>
  readonly replaced: Set<string>
  readonly anchors: Map<string, Node>
  readonly problems: Problem[]
  /** What is wrong with references. */
  readonly findings: Finding[]
  /** Values read so far; aliases count with all that they stand for. */
  nodes: number
}

const placeKey = (path: Path): string => JSON.stringify(path)

/** A path, and the offset of its key where it has one. */
interface Place {
  readonly path: Path
  readonly key?: number | undefined
}

/** A node as plain value: aliases followed, references replaced, places noted. */
function plain(reading: Reading, node: unknown, { path, key }: Place): unknown {
  reading.nodes++
  if (!isMap(node) && !isSeq(node) && !isScalar(node) && !isAlias(node)) return undefined
  reading.places.set(placeKey(path), { key, value: node.range?.[0] ?? key ?? 0 })
  if (reading.nodes === maxNodes + 1)
    report(reading, node, { what: `more than ${maxNodes} values`, hint: 'use fewer aliases' })
  if (reading.nodes > maxNodes) return undefined
  if (path.length > maxDepth) {
    report(reading, node, { what: `nested deeper than ${maxDepth} levels`, hint: 'flatten it' })
    return undefined
  }
  if (isAlias(node)) return aliased(reading, node, { path, key })
  const value = contentsOf(reading, node, path)
  if (node.anchor !== undefined) reading.anchors.set(node.anchor, node)
  return value
}

function aliased(reading: Reading, alias: Alias, place: Place): unknown {
  const node = reading.anchors.get(alias.source)
  if (node !== undefined) return plain(reading, node, place)
  report(reading, alias, {
    what: `no anchor &${alias.source} stands before this alias`,
    hint: 'put text that begins with * in quotes',
  })
  return undefined
}

function contentsOf(reading: Reading, node: YAMLMap | YAMLSeq | Scalar, path: Path): unknown {
  if (isMap(node)) return Object.fromEntries(entriesOf(reading, node, path))
  if (isSeq(node)) return node.items.map((item, index) => plain(reading, item, { path: [...path, index] }) ?? null)
  if (typeof node.value !== 'string') return node.value
  const { text, changed, findings } = substitute(node.value, path, reading.source)
  if (changed) reading.replaced.add(placeKey(path))
  reading.findings.push(...findings)
  return text
}

/** Keys without value are left out, as if they were not there; `<<` brings in the keys of another map. */
function entriesOf(reading: Reading, map: YAMLMap, path: Path): readonly (readonly [string, unknown])[] {
  const entries = new Map<string, unknown>()
  const merged: (readonly [string, unknown])[] = []
  for (const { key, value } of map.items) {
    const name = isScalar(key) ? String(key.value) : undefined
    const at = isScalar(key) ? key.range?.[0] : map.range?.[0]
    if (name === undefined) {
      report(reading, map, { what: 'a key that is no plain word', hint: 'put text that begins with [ or { in quotes' })
      continue
    }
    if (entries.has(name)) {
      const where = pathText(path)
      report(reading, key, { what: `key ${quoted(name)} stands twice in ${where}`, hint: 'keep one of the two' })
      continue
    }
    const field = plain(reading, value, { path: name === '<<' ? path : [...path, name], key: at })
    if (name === '<<') merged.push(...[field].flat().flatMap((from) => Object.entries(from ?? {})))
    else entries.set(name, field)
  }
  return [...merged.filter(([name]) => !entries.has(name)), ...entries].filter(
    ([, field]) => field !== undefined && field !== null,
  )
}

interface Words {
  readonly what: string
  readonly hint: string
}

function report(reading: Reading, node: unknown, words: Words): void {
  const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
  reading.problems.push({ severity: 'error', file: reading.source.file, ...reading.placeAt(offset), ...words })
}

const syntaxHints: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  BAD_INDENT: 'check the indentation and the brackets before this place',
  MISSING_CHAR: 'add the missing character',
  BLOCK_AS_IMPLICIT_KEY: 'put a value with ": " in quotes, or begin a new line',
  BAD_SCALAR_START: 'put the value in quotes',
  MULTIPLE_DOCS: 'keep one document: remove the --- line',
  RESOURCE_EXHAUSTION: 'flatten what is nested here',
}

/** Where the parser's own words would not help. */
const syntaxWords: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'a second document begins here',
  RESOURCE_EXHAUSTION: 'nested too deeply to be read',
}

function syntaxProblem(reading: Reading, { code, message, pos }: YAMLError): void {
  // What follows the colon is text of the file, which may be a secret.
  const what = syntaxWords[code] ?? message.split('\n')[0]?.replace(/: ".*$/, '')
  const hint = syntaxHints[code] ?? 'mend the YAML here; quotes around the value often help'
  const place = reading.placeAt(pos[0])
  reading.problems.push({ severity: 'error', file: reading.source.file, ...place, what: what ?? code, hint })
}

/** YAML for other files than targets.yaml: how old ones are read, and ours is written. */
export { parseDocument as yamlDocument, stringify as yamlText } from 'yaml'
