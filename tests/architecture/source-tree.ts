import { dirname, join, relative } from 'node:path'
import type { Node, SourceFile } from 'typescript/unstable/ast'
import {
  isCallExpression,
  isExportDeclaration,
  isFunctionLikeDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isStringLiteral,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/async'

const root = join(import.meta.dirname, '../..')

/** One file of src/, parsed by the compiler itself. */
export interface Source {
  /** `core/plan.ts` */
  readonly path: string
  readonly text: string
  readonly lines: number
  /** Every node, parents before their children. */
  readonly nodes: readonly Node[]
  /** Files of src/ that it imports, types too: `lib/json.ts` */
  readonly imports: readonly string[]
  /** Packages and node: modules that it imports, as written: `node:fs`, `yaml` */
  readonly packages: readonly string[]
  /** `plan.ts:17` of a node. */
  at(node: Node): string
}

/** All of src/, by path. */
export async function readSources(): Promise<readonly Source[]> {
  const api = new API({ cwd: root })
  try {
    const snapshot = await api.updateSnapshot({ openProjects: [join(root, 'tsconfig.json')] })
    const [project] = snapshot.getProjects()
    if (project === undefined) throw new Error('tsconfig.json names no project')
    const names = await project.program.getSourceFileNames()
    const own = names.filter((name) => name.startsWith(join(root, 'src/'))).sort()
    return await Promise.all(own.map(async (name) => sourceOf(name, await project.program.getSourceFile(name))))
  } finally {
    await api.close()
  }
}

function sourceOf(name: string, file: SourceFile | undefined): Source {
  if (file === undefined) throw new Error(`${name} cannot be parsed`)
  const path = relative(join(root, 'src'), name)
  const nodes = descendants(file)
  const specifiers = nodes.flatMap(specifierOf)
  const own = specifiers.filter((specifier) => specifier.startsWith('.'))
  return {
    path,
    text: file.text,
    lines: file.text.trimEnd().split('\n').length,
    nodes,
    imports: own.map((specifier) => join(dirname(path), specifier)),
    packages: specifiers.filter((specifier) => !specifier.startsWith('.')),
    at: (node) => `${path}:${lineOf(file, node.getStart(file))}`,
  }
}

function descendants(node: Node): readonly Node[] {
  const found: Node[] = []
  const visit = (child: Node): void => {
    found.push(child)
    child.forEachChild(visit)
  }
  node.forEachChild(visit)
  return found
}

/** What a node imports: import and export statements, `import('…')` as a call and as a type. */
function specifierOf(node: Node): readonly string[] {
  if (isImportDeclaration(node) || isExportDeclaration(node)) return textOf(node.moduleSpecifier)
  if (isImportTypeNode(node)) return isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : []
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) return textOf(node.arguments[0])
  return []
}

const textOf = (node: Node | undefined): readonly string[] =>
  node !== undefined && isStringLiteral(node) ? [node.text] : []

const lineOf = (file: SourceFile, position: number): number => file.getLineAndCharacterOfPosition(position).line + 1

/** Functions with a block, and how many lines each takes, signature and braces included. */
export function functionLengths({
  nodes,
  at,
  text,
}: Source): readonly { readonly at: string; readonly lines: number }[] {
  return nodes
    .filter((node) => isFunctionLikeDeclaration(node) && 'body' in node && hasBlock(node.body))
    .map((node) => ({ at: at(node), lines: text.slice(node.getStart(), node.end).split('\n').length }))
}

const hasBlock = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'kind' in body && body.kind === SyntaxKind.Block
