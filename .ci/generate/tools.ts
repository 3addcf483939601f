import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Tool } from '../../src/core/tool.ts'

/** The tools of a folder, sorted by name, from their files: the list itself may not be written yet. */
export async function loadTools(folder: string): Promise<readonly Tool[]> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && file !== 'index.ts')
  return Promise.all(files.sort().map((file) => loadTool(folder, file)))
}

async function loadTool(folder: string, file: string): Promise<Tool> {
  const { default: tool }: { readonly default?: Tool } = await import(join(folder, file))
  if (tool?.name === file.slice(0, -'.ts'.length)) return tool
  throw new Error(`${file} exports no tool of its own name by default`)
}
