import { lstatSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { readTextFile } from '../config/read-text-file.ts'
import { GatewayError } from '../core/errors.ts'

/** A file of an old installation as it was found. */
export interface FoundFile {
  readonly kind: 'environment' | 'document'
  readonly name: string
  readonly folder: string
  readonly text: string
}

/** What was found, and what was passed by, with the reason. */
export interface OldFiles {
  readonly files: readonly FoundFile[]
  readonly passed: readonly { readonly file: string; readonly why: string }[]
}

const deepest = 4
const mostFiles = 500
const ignoredFolders = /^(\.git|\.venv|venv|node_modules|__pycache__|tests?|logs|snapshots|history|keys)$/
const environmentName = /(^|[.-])env(ironment)?$|^\.env(\.\w+)?$|^(install|proxmox-multi)\.conf$|^environment$/
const documentName = /\.(ya?ml|json)$/
const isExample = /example|template|sample/
/** What other programs keep beside it. */
const foreignName =
  /^(package(-lock)?|tsconfig|docker-compose.*|compose.*|mcp|\.mcp|serve|pyproject|biome)\.(ya?ml|json)$/

/** Looks at a file as it is, or for what an old installation keeps in a folder. Only reads. @throws GatewayError invalid_input */
export function oldFiles(from: string): OldFiles {
  const whole = resolve(from)
  let isFolder: boolean
  try {
    isFolder = statSync(whole).isDirectory()
  } catch (error) {
    throw new GatewayError('invalid_input', `${from} cannot be read`, {
      hint: 'name the folder of the old installation, or one of its files',
      cause: error,
    })
  }
  if (!isFolder) return collected([whole], dirname(whole))
  const paths = below(whole, 0)
  const examples = paths.filter((path) => isExample.test(basename(path)))
  const { files, passed } = collected(
    paths.filter((path) => !isExample.test(basename(path))),
    whole,
  )
  const why = 'an example; name the file itself to take it'
  return { files, passed: [...passed, ...examples.map((path) => ({ file: relative(whole, path), why }))] }
}

function collected(paths: readonly string[], base: string): OldFiles {
  const files: FoundFile[] = []
  const passed: { file: string; why: string }[] = []
  for (const path of paths) {
    const name = relative(base, path)
    try {
      const text = readTextFile(path)
      files.push({ kind: kindOf(path, text), name, folder: dirname(path), text })
    } catch (error) {
      passed.push({ file: name, why: error instanceof Error ? error.message : String(error) })
    }
  }
  return { files, passed }
}

const bare = (name: string): string => name.replace(/\.(example|template|sample)$/, '')

const isOurs = (name: string): boolean => environmentName.test(name) || documentName.test(name)

function kindOf(path: string, text: string): FoundFile['kind'] {
  const name = bare(basename(path))
  if (environmentName.test(name)) return 'environment'
  if (documentName.test(name)) return 'document'
  return /^\s*(export\s+)?[A-Z][A-Z0-9_]*=/m.test(text) && !/^\s*[\w-]+:\s/m.test(text) ? 'environment' : 'document'
}

/** The nearest first. Links to folders are not followed. */
function below(folder: string, depth: number): readonly string[] {
  if (depth > deepest) return []
  const entries = namesIn(folder)
  // Reading it as a file says why it cannot be looked into.
  if (entries === undefined) return [folder]
  const files = entries.filter((name) => isOurs(bare(name)) && !foreignName.test(name))
  const here = files.map((name) => join(folder, name)).filter((path) => is('file', path))
  const folders = entries.filter((name) => !ignoredFolders.test(name) && is('folder', join(folder, name)))
  return [...here, ...folders.flatMap((name) => below(join(folder, name), depth + 1))].slice(0, mostFiles)
}

function namesIn(folder: string): readonly string[] | undefined {
  try {
    return readdirSync(folder).sort()
  } catch {
    return undefined
  }
}

/** A link to anything may be a file: whether it is one shows when it is read. */
function is(what: 'file' | 'folder', path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (what === 'folder') return found?.isDirectory() === true
  return found?.isFile() === true || found?.isSymbolicLink() === true
}
