import { posix } from 'node:path'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { script } from '../core/operation.ts'
import { outputOf, understood } from '../core/reply.ts'
import { secretFilePatterns } from '../core/secret-files.ts'
import { defineTool } from '../core/tool.ts'
import { type FileAccess, parseFileAccess } from '../formats/file-access.ts'
import { refusalOf } from '../formats/file-refusals.ts'
import { fileText, lastLines } from '../formats/file-text.ts'
import { withoutEmpty, withoutEmptyColumns } from '../formats/rows.ts'

const searchLevels = 12
const searchSeconds = 8
/** Ends an open that waits for a FIFO which took a file's place between two looks, and a disk that does not answer. */
const lookTimeoutMs = 15_000

const row = z.object({
  name: z.string(),
  type: z.string().optional(),
  size: z.number().optional(),
  modified: z.string().optional(),
  mode: z.string().optional(),
  owner: z.string().optional(),
  line: z.number().optional(),
  text: z.string().optional(),
})

export default defineTool({
  name: 'file_operations',
  description: 'List a folder, describe, read or tail a file, or search for a fixed text.',
  capability: 'file:read',
  risk: 'read',
  targets: ['local', 'ssh'],
  input: z.object({
    action: z.enum(['list', 'info', 'read', 'tail', 'search']),
    path: z
      .string()
      .refine(
        (path) => /^\/[^\0\n]{0,4095}$/.test(path),
        'must be absolute, at most 4096 long, without NUL and newline',
      )
      .refine((path) => !path.split('/').includes('..'), 'must not contain ..'),
    lines: z.number().int().min(1).max(1000).default(50),
    offset: z
      .number()
      .default(0)
      .refine((offset) => Number.isSafeInteger(offset) && offset >= 0, 'must be a whole number from 0')
      .describe('byte or row'),
    max_bytes: z.number().int().min(64).max(262_144).default(16_384),
    pattern: z
      .string()
      .refine((text) => /^[^\0\n]{1,256}$/.test(text), 'must be one line of 1 to 256 characters')
      .optional(),
    in: z.enum(['names', 'contents']).default('names'),
  }),
  output: z.object({
    path: z.string().describe('where it really is'),
    type: z.string().optional(),
    size: z.number().optional(),
    modified: z.string().optional(),
    mode: z.string().optional(),
    owner: z.string().optional(),
    content: z.string().optional(),
    rows: z.array(row).optional(),
    next: z.number().optional().describe('offset that goes on'),
    note: z.string().optional(),
  }),
  async run(input, context) {
    const found = await look(input, context)
    if (found.kind === 'list') return listed(found, input)
    if (found.kind === 'found') return hits(found, input)
    if (found.kind === 'file') return input.action === 'info' ? described(found) : shown(found, input)
    throw new GatewayError('unexpected_reply', `looking at ${input.path} answered ${found.kind}`)
  },
})

interface Input {
  readonly action: 'list' | 'info' | 'read' | 'tail' | 'search'
  readonly path: string
  readonly lines: number
  readonly offset: number
  readonly max_bytes: number
  readonly pattern?: string | undefined
  readonly in: 'names' | 'contents'
}

async function look(input: Input, { read, target }: Context): Promise<FileAccess> {
  const roots = target.constraints.fileRoots
  const base = [trimmed(input.path), roots.join('\n'), secretFilePatterns]
  const args = [scriptAction(input), ...base, ...argumentsOf(input)]
  const outcome = await read(script('read/file-access', args, { timeoutMs: lookTimeoutMs }))
  const found = understood(parseFileAccess(outputOf(outcome, `looking at ${input.path}`)), 'the look at the file')
  if (found.kind === 'refused') throw refused(found.why, input.path, roots)
  return found
}

const trimmed = (path: string): string =>
  posix
    .normalize(path)
    .replace(/^\/\/+/, '/')
    .replace(/(.)\/$/, '$1')

function scriptAction({ action, in: where }: Input): string {
  if (action === 'search') return where
  return action === 'tail' ? 'read' : action
}

function argumentsOf({ action, offset, max_bytes, pattern, lines }: Input): readonly string[] {
  if (action === 'read') return [String(offset), String(max_bytes)]
  if (action === 'tail') return ['end', String(max_bytes)]
  if (action !== 'search') return ['', '0']
  if (pattern === undefined)
    throw new GatewayError('invalid_input', 'search needs a pattern', { hint: 'give pattern, a fixed text' })
  return [pattern, String(lines), String(searchLevels), String(searchSeconds)]
}

function refused(why: string, path: string, roots: readonly string[]): GatewayError {
  const { code, message, hint } = refusalOf(why, { path, roots })
  return new GatewayError(code, message, { hint })
}

type Found<Kind extends FileAccess['kind']> = Extract<FileAccess, { kind: Kind }>

function described({ facts: { ids: _, ...facts }, path }: Found<'file'>) {
  return withoutEmpty({ path, ...facts })
}

function shown(file: Found<'file'>, { action, lines }: Input) {
  const { path, facts, content } = file
  const { size } = facts
  if (content.withheld !== undefined) return { path, size, note: 'binary, not shown' }
  const { text, end } = fileText(content.bytes, { offset: content.offset, size })
  const note = text.includes('\ufffd') ? 'bytes that are not UTF-8 are shown as \ufffd' : undefined
  if (action === 'tail') {
    const isCut = content.offset > 0
    return withoutEmpty({ path, size, content: lastLines(text, { lines, isCut }), note })
  }
  return withoutEmpty({
    path,
    size,
    content: text,
    next: end < size && content.bytes.length > 0 ? end : undefined,
    note,
  })
}

function listed({ path, entries, isCut }: Found<'list'>, { offset, lines }: Input) {
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const rows = sorted.slice(offset, offset + lines).map(({ ids: _, ...entry }) => entry)
  const end = offset + rows.length
  const next = end < sorted.length && rows.length > 0 ? end : undefined
  const cut = isCut ? `only ${sorted.length} names were read: search names for the others` : undefined
  const note = cut ?? (next === undefined ? undefined : `${rows.length} of ${sorted.length}`)
  return withoutEmpty({ path, rows: withoutEmptyColumns(rows), next, note })
}

const ends: Readonly<Record<string, string>> = {
  hits: 'more may match: raise lines or narrow the search',
  time: `stopped after ${searchSeconds} s: search a smaller folder`,
  depth: `folders deeper than ${searchLevels} were not searched`,
  folders: 'too many folders: search a smaller one',
  cut: 'the answer was cut: search a smaller folder',
}

function hits({ path, hits: found, end }: Found<'found'>, { lines }: Input) {
  const rows = found.flatMap(({ name, type, lines: matches }): z.input<typeof row>[] =>
    matches.length === 0
      ? [{ name, type: type ?? '' }]
      : matches.map(({ line, text }) => ({ name, line, text: text.trim().slice(0, 300) })),
  )
  const note = rows.length > lines ? ends['hits'] : ends[end]
  return withoutEmpty({ path, rows: rows.slice(0, lines), note })
}
