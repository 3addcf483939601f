import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { signingKeyFile } from './release.ts'

const root = resolve(import.meta.dirname, '../..')
const execute = promisify(execFile)

/** Real releases for x64, built and signed as `npm run release` does; several may be built at the same time. */
export class ReleaseBuilds {
  readonly dir = mkdtempSync(join(tmpdir(), 'tailops-release-'))
  readonly #key = join(this.dir, 'key')

  constructor() {
    writeFileSync(this.#key, signingKeyFile('release'))
  }

  /** Builds a version to a folder of that name; returns what was said. */
  async build(version: string, folder = version): Promise<string> {
    const args = ['--out', this.at(folder), '--targets', 'linux-x64', '--test-key', this.#key, '--version', version]
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], SOURCE_DATE_EPOCH: '1790000000' }
    return (await execute(process.execPath, ['.ci/release.ts', ...args], { cwd: root, env })).stdout
  }

  at(folder: string): string {
    return join(this.dir, folder)
  }

  read(folder: string, name: string): Buffer {
    return readFileSync(join(this.at(folder), name))
  }

  remove(): void {
    rmSync(this.dir, { recursive: true })
  }
}
