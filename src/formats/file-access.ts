import { wholeNumber } from './sections.ts'

/** What `read/file-access` said; `refused` carries its word: `outside`, `missing`, `secret`, … */
export type FileAccess =
  | { readonly kind: 'refused'; readonly why: string }
  | {
      readonly kind: 'file'
      readonly facts: FileFacts
      readonly path: string
      readonly root: string
      readonly content: FileContent
    }
  | { readonly kind: 'absent'; readonly path: string; readonly root: string }
  | { readonly kind: 'list'; readonly path: string; readonly entries: readonly FileEntry[]; readonly isCut: boolean }
  | { readonly kind: 'found'; readonly path: string; readonly hits: readonly FileHit[]; readonly end: string }

export interface FileFacts {
  readonly type: string
  readonly size: number
  /** ISO to the minute, UTC: `2026-11-21T08:30Z`. */
  readonly modified: string
  /** Octal: `0640`. */
  readonly mode: string
  /** By name, or by number where it has none. */
  readonly owner: string
  /** `0:4` */
  readonly ids: string
}

/** The bytes from `offset`; undefined bytes with a reason where none were read. */
export interface FileContent {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly withheld?: 'binary' | 'large' | undefined
}

export interface FileEntry extends FileFacts {
  readonly name: string
}

/** One file whose name or text has what was looked for. */
export interface FileHit {
  /** Below the folder searched. */
  readonly name: string
  readonly type?: string | undefined
  readonly lines: readonly { readonly line: number; readonly text: string }[]
}

const refusals = ['outside', 'missing', 'forbidden', 'irregular', 'secret', 'folder', 'file', 'no_folder'] as const

/** Reads what `read/file-access` printed; undefined when it is something else. */
export function parseFileAccess(output: string): FileAccess | undefined {
  const fields = output.split('\0')
  const [word = '', first = '', second = '', third = ''] = fields
  if (fields.length === 2 && refusals.some((known) => known === word)) return { kind: 'refused', why: word }
  switch (word) {
    case 'file':
      return fileOf({ facts: first, path: second, root: third, rest: fields.slice(4) })
    case 'absent':
      return { kind: 'absent', path: first, root: second }
    case 'list':
      return listOf(first, afterFields(output, 2))
    case 'found':
      return foundOf(first, afterFields(output, 2))
    default:
      return undefined
  }
}

function fileOf(said: {
  readonly facts: string
  readonly path: string
  readonly root: string
  readonly rest: readonly string[]
}): FileAccess | undefined {
  const facts = factsOf(said.facts)
  const content = contentOf(said.rest)
  if (facts === undefined || content === undefined) return undefined
  return { kind: 'file', facts, path: said.path, root: said.root, content }
}

function contentOf([offset = '', encoding = '', text = '']: readonly string[]): FileContent | undefined {
  const none = { offset: 0, bytes: new Uint8Array() }
  if (offset === '') return none
  if (offset === 'binary' || offset === 'large') return { ...none, withheld: offset }
  if (encoding !== 'base64' && encoding !== 'hex') return undefined
  const bytes = Buffer.from(text.replace(/\s/g, ''), encoding)
  return { offset: wholeNumber(offset) ?? 0, bytes }
}

/** `81a4 13 1795250218 0:0 root`: raw mode in hexadecimal, size, seconds, ids, owner. */
function factsOf(text: string): FileFacts | undefined {
  const [, raw = '', size, seconds, ids = '', owner = ''] = /^([\da-f]+) (\d+) (-?\d+) (\d+:\d+) (.+)$/.exec(text) ?? []
  if (raw === '') return undefined
  const mode = Number.parseInt(raw, 16)
  return {
    type: types.get(mode & 0o170000) ?? 'other',
    size: Number(size),
    modified: minutes(Number(seconds)),
    mode: (mode & 0o7777).toString(8).padStart(4, '0'),
    owner: owner === 'UNKNOWN' ? (ids.split(':')[0] ?? '') : owner,
    ids,
  }
}

/** File types of inode(7). */
const types: ReadonlyMap<number, string> = new Map([
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'link'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
  [0o020000, 'device'],
  [0o060000, 'device'],
])

/** A file may have any time at all; beyond what a date can be it has none. */
function minutes(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? '' : `${date.toISOString().slice(0, -8)}Z`
}

/** What stands after so many fields. */
function afterFields(output: string, count: number): string {
  let at = 0
  for (let field = 0; field < count; field++) at = output.indexOf('\0', at) + 1
  return output.slice(at)
}

/** A record begins with a line `//`, which stands in no path that a walk of folders prints. */
const recordsOf = (text: string): readonly string[] => `\n${text}`.split('\n//').slice(1)

function listOf(path: string, text: string): FileAccess {
  const records = recordsOf(text.replace(/\n$/, ''))
  const isCut = text !== '' && !text.endsWith('\n')
  const entries = (isCut ? records.slice(0, -1) : records).flatMap((record) => {
    const at = record.indexOf(' ./')
    const facts = at === -1 ? undefined : factsOf(record.slice(0, at))
    return facts === undefined ? [] : [{ name: record.slice(at + 3), ...facts }]
  })
  return { kind: 'list', path, entries, isCut }
}

function foundOf(path: string, text: string): FileAccess {
  const records = recordsOf(text)
  const end = records.at(-1)?.startsWith('=') ? records.at(-1)?.slice(1).trim() : undefined
  const hits = records.flatMap((record) => (record.startsWith('./') ? [hitOf(record.slice(2))] : []))
  return { kind: 'found', path, hits, end: end ?? 'cut' }
}

function hitOf(record: string): FileHit {
  const [name = '', rest = ''] = record.split('\0')
  const lines = rest.split('\n').flatMap((row) => {
    const [, line, text] = /^(\d+):(.*)$/.exec(row) ?? []
    return line === undefined || text === undefined ? [] : [{ line: Number(line), text }]
  })
  return { name, type: lines.length > 0 ? undefined : rest.trim(), lines }
}
