import {
  closeSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Brake, Freeze } from '../core/brake.ts'
import { parseJson } from '../lib/json.ts'
import { systemCode } from './file-lock.ts'
import { stateUnavailable } from './state-error.ts'

/** Its presence freezes: `touch frozen` is enough where nothing else works. */
export const freezeFile = 'frozen'

/** The brake of a state directory, and who may use it. */
export interface BrakeFile extends Brake {
  /** Durable when it returns. One that is there stays as it is, but for `stop`, which is added. @throws GatewayError state_unavailable */
  freeze(wanted: Freeze): Freeze
  /** Durable when it returns: the freeze that has ended, if there was one. @throws GatewayError state_unavailable */
  release(): Freeze | undefined
}

const content = z.object({
  at: z.iso.datetime(),
  by: z.string().max(200),
  reason: z.string().max(1000).optional(),
  stop: z.boolean(),
})

/** A file that every process looks for at every change: no message between them can get lost. */
export function openBrake(dir: string, newId: (length: number) => string): BrakeFile {
  const path = join(dir, freezeFile)
  const frozen = () => freezeIn(path)
  return {
    frozen,
    freeze(wanted) {
      const before = frozen()
      if (before !== undefined && (before.stop || !wanted.stop)) return before
      const now = before === undefined ? wanted : { ...before, stop: true }
      try {
        writeWhole(dir, path, { fresh: `${path}.${newId(12)}`, text: `${JSON.stringify(now)}\n` })
      } catch (error) {
        throw stateUnavailable(`cannot write ${path}`, error)
      }
      return now
    },
    release() {
      const before = frozen()
      try {
        rmSync(path, { force: true })
        syncFolder(dir)
      } catch (error) {
        throw stateUnavailable(`cannot remove ${path}`, error)
      }
      return before
    },
  }
}

function freezeIn(path: string): Freeze | undefined {
  try {
    const parsed = content.safeParse(parseJson(readFileSync(path, 'utf8')))
    if (parsed.success) return { ...parsed.data, at: new Date(parsed.data.at) }
    return { at: statSync(path).mtime, by: 'unknown', reason: `the file ${path} is there`, stop: false }
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT') return undefined
    return { at: new Date(0), by: 'unknown', reason: `${path} cannot be read (${code})`, stop: false }
  }
}

/** The old file or the new one, never half of it, on disk. */
function writeWhole(dir: string, path: string, { fresh, text }: { readonly fresh: string; readonly text: string }) {
  const file = openSync(fresh, 'wx', 0o600)
  const { uid, gid } = statSync(dir)
  try {
    // Root freezes the service of another user, which must be able to read who did and why.
    if (fstatSync(file).uid !== uid) fchownSync(file, uid, gid)
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(fresh, path)
  syncFolder(dir)
}

function syncFolder(dir: string): void {
  const file = openSync(dir, 'r')
  try {
    fsyncSync(file)
  } catch (error) {
    if (systemCode(error) !== 'EINVAL') throw error
  } finally {
    closeSync(file)
  }
}
