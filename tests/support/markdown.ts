import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** A text of the project for people, taken apart. */
export interface Page {
  /** From the root of the project: `docs/install.md`. */
  readonly path: string
  /** Without code. */
  readonly prose: string
  readonly blocks: readonly Block[]
  /** Code within a line, its line breaks made spaces. */
  readonly spans: readonly string[]
  /** What may stand behind `#`, as GitHub makes it of headings. */
  readonly anchors: ReadonlySet<string>
}

/** Code between two fences. */
export interface Block {
  /** `yaml`, `console`, or nothing. */
  readonly language: string
  readonly text: string
}

const fence = /^( *)```(\w*)[^\n]*\n([\s\S]*?)^\1```$/gm
const span = /(?<!`)(`{1,2})(?!`)([^`]+?)\1(?!`)/g

/** Reads a Markdown file of the project. */
export function readPage(path: string): Page {
  const text = readFileSync(join(root, path), 'utf8')
  const blocks = [...text.matchAll(fence)].map(([, indent = '', language = '', code = '']) => ({
    language,
    text: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }))
  const lines = text.replaceAll(fence, '')
  const spans = [...lines.matchAll(span)].map(([, , code = '']) => code.replaceAll(/\s+/g, ' ').replaceAll('\\|', '|'))
  return { path, prose: lines.replaceAll(span, ''), blocks, spans, anchors: anchorsOf(lines) }
}

/** Every target of a link or an image, Markdown's and HTML's. */
export function linksOf({ prose }: Page): readonly string[] {
  const markdown = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)]
  const html = [...prose.matchAll(/\b(?:src|srcset|href)="([^"]+)"/g)]
  return [...markdown, ...html].map(([, target = '']) => target)
}

/** All code of a page but for what was recorded, line by line; lines that end with a backslash are joined with their next. */
export const codeLines = ({ blocks, spans }: Page): readonly string[] => [
  ...blocks
    .filter(({ language }) => language !== 'transcript')
    .flatMap(({ text }) => text.replaceAll(/\\\n\s*/g, ' ').split('\n')),
  ...spans,
]

function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const anchors = [...text.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading = '']) => {
    const plain = heading.replaceAll(/[`*]|\]\([^)]*\)/g, '').toLowerCase()
    const slug = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    return count === 0 ? slug : `${slug}-${count}`
  })
  return new Set(anchors)
}

/** Files that a page shows whole: a step that names one, `**2. What it means**, `src/x.ts`: …`, and the block after it. */
export function shownFiles(path: string): readonly { readonly path: string; readonly text: string }[] {
  const steps = readFileSync(join(root, path), 'utf8').matchAll(
    /^\*\*\d+\. [^\n`]*\*\*, `([^`]+)`[\s\S]*?^```\w+\n([\s\S]*?)^```$/gm,
  )
  return [...steps].map(([, name = '', text = '']) => ({ path: name, text }))
}
