import type { Report } from './migrate-report.ts'
import { yamlDocument } from './read-yaml.ts'

/** An old file. */
export interface OldFile {
  /** As it is called in the report. */
  readonly name: string
  readonly text: string
  /** Where it is: a whole path. */
  readonly folder: string
}

const mostAliases = 100

/** The content of an old YAML or JSON file, also inside Markdown; what is wrong with it goes into the report. Never throws. */
export function readOldYaml({ name, text }: OldFile, report: Report): unknown {
  const content = insideMarkdown(text.replace(/^\uFEFF/, ''))
  if (content !== text) report.add('changed', name, 'the YAML inside the Markdown was read')
  const document = yamlDocument(content, { prettyErrors: false, uniqueKeys: true, merge: true, logLevel: 'silent' })
  const twice = document.errors.filter(({ code }) => code === 'DUPLICATE_KEY')
  const broken = document.errors.find(({ code }) => code !== 'DUPLICATE_KEY')
  if (broken !== undefined) {
    // What follows the colon is text of the file, which may be a secret.
    const what = broken.message.split('\n')[0]?.replace(/: ".*$/, '') ?? broken.code
    report.add('dropped', lineOf(content, broken.pos[0]), `no YAML: ${what}; nothing of this file could be taken`)
    return undefined
  }
  for (const { pos } of twice)
    report.add('dropped', lineOf(content, pos[0]), 'the key stands twice in its map; the last one counts')
  try {
    return document.toJS({ maxAliasCount: mostAliases })
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).replace(/: .*$/s, '')
    report.add('dropped', name, `cannot be read: ${why}; nothing of this file could be taken`)
    return undefined
  }
}

const lineOf = (text: string, offset: number): string => `line ${text.slice(0, offset).split('\n').length}`

/** The shipped examples stand in ```yaml fences. */
function insideMarkdown(text: string): string {
  if (!/^\s*(#[^\n]*\n\s*)*[\s\S]*?^```/m.test(text)) return text
  const blocks = [...text.matchAll(/^```[ \t]*(?:ya?ml|json)?[ \t]*\r?\n([\s\S]*?)^```[ \t]*$/gm)]
  return blocks.length === 0 ? text : blocks.map(([, block = '']) => block).join('\n')
}
