import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { GatewayError } from '../core/errors.ts'
import type { ReleaseFile } from '../core/release-manifest.ts'

/** Where the executable and its companions lie: all in one folder, so that a rename is atomic. */
export interface Places {
  readonly current: string
  /** The version before, as a hard link. */
  readonly previous: string
  /** The next version until it has been tried. */
  readonly next: string
  /** Taken while an update runs. */
  readonly lock: string
  /** There from before the switch until the new version has been found healthy. */
  readonly pending: string
}

/** The places around an executable; a symbolic link is followed, never replaced. */
export function placesOf(executable: string): Places {
  const current = realpathSync(executable)
  return {
    current,
    previous: `${current}.previous`,
    next: `${current}.next`,
    lock: `${current}.update-lock`,
    pending: `${current}.update-pending`,
  }
}

/** Unpacks to `next`, on disk when it returns, and checks what came out. @throws GatewayError operation_failed */
export async function writeNext(places: Places, packed: Uint8Array, file: ReleaseFile): Promise<void> {
  discardNext(places)
  try {
    const digest = await unpack(packed, places.next, file.binary_size)
    if (digest !== file.binary_sha256) throw new Error(`its SHA-256 is ${digest}, not ${file.binary_sha256}`)
  } catch (error) {
    discardNext(places)
    throw cannot(`unpack ${file.name} to ${places.next}`, error)
  }
}

/** Makes `previous` another name of what is current; from here on there are always two working versions. */
export function keepCurrent({ current, previous }: Places): void {
  const fresh = `${previous}.new`
  try {
    link(current, fresh)
    renameSync(fresh, previous)
    // A rename between two names of one file leaves both.
    rmSync(fresh, { force: true })
    syncFolder(current)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw cannot(`keep ${current} as ${previous}`, error)
  }
}

/** Puts `next` in the place of the current one: one rename. */
export function switchToNext({ current, next }: Places): void {
  try {
    renameSync(next, current)
    syncFolder(current)
  } catch (error) {
    throw cannot(`put ${next} in the place of ${current}`, error)
  }
}

/** Puts `previous` in the place of the current one, and keeps it under both names. */
export function switchToPrevious({ current, previous, next }: Places): void {
  try {
    rmSync(next, { force: true })
    link(previous, next)
    renameSync(next, current)
    rmSync(next, { force: true })
    syncFolder(current)
  } catch (error) {
    throw cannot(`put ${previous} in the place of ${current}`, error)
  }
}

/** Whether there is another version to go back to. */
export const hasPrevious = ({ current, previous }: Places): boolean =>
  existsSync(previous) && statSync(previous).ino !== statSync(current).ino

/** Removes what was unpacked. */
export function discardNext({ next }: Places): void {
  rmSync(next, { force: true })
}

/** Writes down, durably, what is under way. */
export function markPending({ pending }: Places, from: string, to: string): void {
  const file = openSync(pending, 'w', 0o600)
  try {
    writeSync(file, `${from} ${to}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  syncFolder(pending)
}

/** What an update that was cut off wrote down. */
export function readPending({ pending }: Places): { readonly from: string; readonly to: string } | undefined {
  if (!existsSync(pending)) return undefined
  const [from = '', to = ''] = readFileSync(pending, 'utf8').trim().split(' ')
  return { from, to }
}

/** The update is at its end, good or bad. */
export function clearPending({ pending }: Places): void {
  rmSync(pending, { force: true })
  syncFolder(pending)
}

async function unpack(packed: Uint8Array, path: string, size: number): Promise<string> {
  const hash = createHash('sha256')
  const file = openSync(path, 'wx', 0o755)
  try {
    // Whatever the umask of who updates: the service's user must be able to run it.
    fchmodSync(file, 0o755)
    let left = size
    for await (const chunk of Readable.from([packed]).pipe(createGunzip())) {
      left -= chunk.length
      if (left < 0) throw new Error(`it is longer than ${size} bytes`)
      hash.update(chunk)
      writeAll(file, chunk)
    }
    if (left > 0) throw new Error(`it is ${left} bytes shorter than ${size}`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}

function writeAll(file: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at)
}

function link(from: string, to: string): void {
  rmSync(to, { force: true })
  try {
    linkSync(from, to)
  } catch (error) {
    // Some file systems, FAT and some network shares, have no hard links.
    if (!existsSync(from)) throw error
    copyFileSync(from, to)
    syncFile(to)
  }
}

const syncFolder = (path: string): void => syncFile(dirname(path))

function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function cannot(what: string, cause: unknown): GatewayError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new GatewayError('operation_failed', `cannot ${what}: ${why}`, {
    hint: 'run as the owner of the executable (root), with 250 MB free in its folder; nothing was changed',
    cause,
  })
}
