import { posix } from 'node:path'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { script } from '../core/operation.ts'
import type { Plan } from '../core/plan.ts'
import { outputOf, understood } from '../core/reply.ts'
import { secretFilePatterns } from '../core/secret-files.ts'
import { defineTool } from '../core/tool.ts'
import { type FileAccess, parseFileAccess } from '../formats/file-access.ts'
import { unifiedDiff } from '../formats/file-diff.ts'
import { refusalOf } from '../formats/file-refusals.ts'
import { sha256 } from '../lib/digest.ts'

const maxBytes = 262_144
const diffLines = 200
/** Mode of a file that is made: readable by all, as an editor would make it. */
const newMode = '0644'
const lookTimeoutMs = 15_000

/** The part of our own basis that the answer tells. */
const basisSchema = z.object({ path: z.string(), content: z.string() })

export default defineTool({
  name: 'write_file',
  description: 'Replace the whole content of a text file; a backup is kept. create: true makes a missing one.',
  capability: 'file:write',
  risk: 'destructive',
  restorePoint: true,
  targets: ['local', 'ssh'],
  input: z.object({
    path: z
      .string()
      .refine(
        (path) => /^\/[^\0\n]{0,4094}[^\0\n/]$/.test(path),
        'must be absolute and name a file, at most 4096 long, without NUL and newline',
      )
      .refine((path) => !path.split('/').some((part) => part === '..' || part === '.'), 'must not contain . or ..'),
    content: z
      .string()
      .refine((text) => Buffer.byteLength(text) <= maxBytes, `must be at most ${maxBytes} bytes`)
      .refine((text) => !text.includes('\0'), 'must be text, without NUL'),
    create: z.boolean().default(false),
  }),
  output: z.object({ path: z.string(), sha256: z.string(), backup: z.string().optional() }),
  async plan(input, context) {
    return planOf(input, await present(input, context))
  },
  report({ basis, steps }) {
    const { path, content } = basisSchema.parse(basis)
    const [step] = steps
    if (step === undefined) return { path, sha256: content }
    const text = step.do.stdin ?? ''
    const kept = content === 'absent' ? undefined : `${posix.dirname(path)}/.${posix.basename(path)}.tailops-backup`
    return { path, sha256: sha256(text), ...(kept !== undefined && { backup: kept.replace('//', '/') }) }
  },
})

interface Input {
  readonly path: string
  readonly content: string
  readonly create: boolean
}

/** What is there now. */
interface Present {
  /** Real. */
  readonly path: string
  readonly root: string
  /** Undefined for a file that is not there. */
  readonly text: string | undefined
  readonly ids: string
  readonly mode: string
}

async function present({ path, create }: Input, { read, target }: Context): Promise<Present> {
  const roots = target.constraints.fileRoots
  const args = [
    'old',
    posix.normalize(path).replace(/^\/\/+/, '/'),
    roots.join('\n'),
    secretFilePatterns,
    '',
    String(maxBytes),
  ]
  const outcome = await read(script('read/file-access', args, { timeoutMs: lookTimeoutMs }))
  const found = understood(parseFileAccess(outputOf(outcome, `looking at ${path}`)), 'the look at the file')
  if (found.kind === 'refused') {
    const { code, message, hint } = refusalOf(found.why, { path, roots })
    throw new GatewayError(code, message, { hint })
  }
  if (found.kind === 'absent') return toCreate(found, create)
  if (found.kind === 'file') return toReplace(found)
  throw new GatewayError('unexpected_reply', `looking at ${path} answered ${found.kind}`)
}

type Found<Kind extends FileAccess['kind']> = Extract<FileAccess, { kind: Kind }>

function toCreate({ path, root }: Found<'absent'>, create: boolean): Present {
  if (!create) throw new GatewayError('not_found', `there is no ${path}`, { hint: 'create: true makes it' })
  return { path: exact(path), root, text: undefined, ids: '', mode: newMode }
}

function toReplace({ path, root, facts, content }: Found<'file'>): Present {
  const refuse = (what: string, hint: string) => new GatewayError('invalid_input', `${path} ${what}`, { hint })
  if (content.withheld === 'binary') throw refuse('is binary', 'only text is written')
  if (content.withheld === 'large' || content.bytes.length > maxBytes)
    throw refuse(`has more than ${maxBytes} bytes`, 'larger files are not replaced as a whole')
  return { path: exact(path), root, text: textOf(content.bytes, path), ids: facts.ids, mode: facts.mode }
}

/** A path with bytes that are not UTF-8 cannot be given back as it is. */
function exact(path: string): string {
  if (!path.includes('\ufffd') && !path.includes('\n')) return path
  throw new GatewayError('invalid_input', `${path} has a name that is no plain UTF-8`, { hint: 'rename it first' })
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new GatewayError('invalid_input', `${path} is not UTF-8`, { hint: 'only UTF-8 text is written', cause })
  }
}

function planOf({ content }: Input, { path, root, text, ids, mode }: Present): Plan {
  const [old, fresh] = [text === undefined ? 'absent' : sha256(text), sha256(content)]
  const bytes = `${Buffer.byteLength(content)} bytes`
  const basis = { path, content: old, mode, ...(ids !== '' && { owner: ids }) }
  if (old === fresh) return { summary: `${path} has this content already`, basis, steps: [] }
  return {
    summary: text === undefined ? `make ${path} (${bytes})` : `replace the content of ${path} (${bytes})`,
    basis,
    steps: [
      {
        do: script('write/file-replace', [path, old, fresh, root, ids, mode], { stdin: content }),
        undo: script('write/file-restore', [path, old, fresh, root]),
      },
    ],
    preview: [
      `--- ${text === undefined ? '/dev/null' : path}`,
      `+++ ${path}`,
      unifiedDiff({ before: text ?? '', after: content }, diffLines),
    ].join('\n'),
  }
}
