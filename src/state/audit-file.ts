import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { genesis, type Head, seal, seqOf } from './audit-chain.ts'
import { activeName, closeAuditFiles, openAuditFiles, rotatedName } from './audit-lines.ts'
import { lastOf, setTornAside } from './audit-recovery.ts'
import { systemCode } from './file-lock.ts'

export interface AuditFileOptions {
  readonly dir: string
  /** A file that would grow beyond is closed and a new one begun. */
  readonly maxBytes: number
  /** The JSON object of a record in which the log tells about itself. */
  remark(reason: string): string
}

interface Active {
  readonly fd: number
  readonly inode: number
  size: number
  head: Head
}

/** The growing file of the log. Every method is called under the lock, which several processes share. */
export class ActiveAuditFile {
  readonly #options: AuditFileOptions
  readonly #path: string
  #active: Active | undefined
  /** Descriptors of files that were rotated, until what is being synchronised is done. */
  #left: number[] = []
  /** What was found and is not yet written down. */
  #remarks: string[] = []

  constructor(options: AuditFileOptions) {
    this.#options = options
    this.#path = join(options.dir, activeName)
  }

  /** Writes records behind whatever stands there, with one write. Returns the descriptor to synchronise. */
  append(bodies: readonly string[]): number {
    const active = this.#current()
    const all = [...this.#remarks.map((reason) => this.#options.remark(reason)), ...bodies]
    const { text, head } = chained(all, active.head)
    const bytes = Buffer.from(text)
    const isFull = active.size > 0 && active.size + bytes.length > this.#options.maxBytes
    const target = isFull ? this.#rotate(active) : active
    write(target, bytes)
    target.size += bytes.length
    target.head = head
    this.#remarks = []
    return target.fd
  }

  /** The descriptor to synchronise, once something was written. */
  get fd(): number | undefined {
    return this.#active?.fd
  }

  /** Closes the descriptors of files left behind. Not while one of them is being synchronised. */
  closeLeft(): void {
    for (const fd of this.#left) closeSync(fd)
    this.#left = []
  }

  close(): void {
    this.#leave()
    this.closeLeft()
  }

  #leave(): void {
    if (this.#active !== undefined) this.#left.push(this.#active.fd)
    this.#active = undefined
  }

  /** The file as it is now, with what another process or a power cut has done to it since we last looked. */
  #current(): Active {
    const known = this.#active
    const found = statSync(this.#path, { throwIfNoEntry: false })
    const isSame = known !== undefined && found?.ino === known.inode
    if (isSame && found.size === known.size) return known
    return this.#read(isSame ? known : this.#open(known), known?.head)
  }

  #open(known: Active | undefined): Active {
    const isNew = !existsSync(this.#path)
    const fd = openSync(this.#path, 'a+', 0o600)
    if (isNew) syncFolder(this.#options.dir)
    this.#leave()
    const { ino, size } = fstatSync(fd)
    this.#active = { fd, inode: ino, size, head: known?.head ?? genesis }
    return this.#active
  }

  /** Learns the head of the chain from the file, and sets a torn end aside. `before` is what we knew of it. */
  #read(active: Active, before: Head | undefined): Active {
    active.size = fstatSync(active.fd).size
    const last = lastOf(active)
    if (last.remark !== undefined) this.#remarks.push(last.remark)
    const head = last.head ?? this.#headOfRotated()
    const isOlder =
      before !== undefined && (head.seq < before.seq || (head.seq === before.seq && head.hash !== before.hash))
    active.head = isOlder ? before : head
    if (isOlder) this.#remarks.push(`${activeName} lost records: it ends with ${head.seq}, ${before.seq} was written`)
    if (last.end < active.size) this.#cutTorn(active, last.end)
    return active
  }

  #cutTorn(active: Active, end: number): void {
    const torn = { fd: active.fd, from: end, to: active.size, seq: active.head.seq + 1 }
    const name = setTornAside(this.#options.dir, torn)
    ftruncateSync(active.fd, end)
    this.#remarks.push(`the last ${torn.to - end} bytes of ${activeName} were torn; they are kept in ${name}`)
    active.size = end
  }

  #headOfRotated(): Head {
    const files = openAuditFiles(this.#options.dir)
    try {
      for (const file of files.toReversed()) {
        const { head } = lastOf(file)
        if (head !== undefined) return head
      }
      return genesis
    } finally {
      closeAuditFiles(files)
    }
  }

  #rotate(active: Active): Active {
    const first = Buffer.alloc(32)
    readSync(active.fd, first, 0, first.length, 0)
    const path = join(this.#options.dir, rotatedName(seqOf(first) ?? active.head.seq))
    if (existsSync(path)) return active
    fdatasyncSync(active.fd)
    renameSync(this.#path, path)
    return this.#open(active)
  }
}

function chained(bodies: readonly string[], before: Head): { readonly text: string; readonly head: Head } {
  let head = before
  let text = ''
  for (const body of bodies) {
    const sealed = seal(body, head)
    text += sealed.line
    head = sealed.head
  }
  return { text, head }
}

/** All of the bytes or none of them. */
function write({ fd, size }: Active, bytes: Buffer): void {
  const written = attempt(() => writeSync(fd, bytes, 0, bytes.length))
  if (written === bytes.length) return
  ftruncateSync(fd, size)
  if (typeof written === 'number')
    throw new Error(`only ${written} of ${bytes.length} bytes could be written; the disk is full`)
  throw written.error
}

function attempt(work: () => number): number | { readonly error: unknown } {
  try {
    return work()
  } catch (error) {
    return { error }
  }
}

/** Makes a new name in a folder durable; file systems that cannot do it answer EINVAL. */
function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } catch (error) {
    if (systemCode(error) !== 'EINVAL') throw error
  } finally {
    closeSync(fd)
  }
}
