import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../src/scripts')

/** The texts of src/scripts/{read,write}/*.sh by their names: `read/system-status`. */
export const scripts: Readonly<Record<string, string>> = Object.fromEntries(
  ['read', 'write'].flatMap((folder) =>
    namesIn(folder).map((name) => [`${folder}/${name}`, readFileSync(join(root, folder, `${name}.sh`), 'utf8')]),
  ),
)

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(join(root, folder))
      .filter((file) => file.endsWith('.sh'))
      .map((file) => file.slice(0, -'.sh'.length))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
