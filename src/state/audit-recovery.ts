import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Head, sealOf } from './audit-chain.ts'
import { type AuditFile, activeName, linesBackward } from './audit-lines.ts'
import { systemCode } from './file-lock.ts'

/** How a file of the log ends. */
export interface Ending {
  /** Its last record; undefined when it has none. */
  readonly head: Head | undefined
  /** Where its last whole line ends; what follows was torn by a power cut. */
  readonly end: number
  /** What else is wrong with it. */
  readonly remark?: string | undefined
}

/** Looks from the end for the last record. A line without newline or with NUL bytes is torn; any other is left in place. */
export function lastOf(file: Pick<AuditFile, 'fd' | 'size'>): Ending {
  let end = file.size
  let unreadable = 0
  for (const { bytes, whole, offset } of linesBackward(file)) {
    const isTorn = !whole || bytes.includes(0)
    if (isTorn && unreadable === 0) {
      end = offset
      continue
    }
    const seal = sealOf(bytes)
    if (seal !== undefined) return { head: seal, end, remark: remarkOn(unreadable) }
    unreadable += 1
  }
  return { head: undefined, end, remark: remarkOn(unreadable) }
}

const remarkOn = (unreadable: number): string | undefined =>
  unreadable === 0 ? undefined : `the last ${unreadable} lines of ${activeName} are no records; they were left in place`

export interface Torn {
  readonly fd: number
  readonly from: number
  readonly to: number
  /** The number of the record that will stand there instead. */
  readonly seq: number
}

/** Copies torn bytes to a file of their own, durably. Returns its name: `audit-torn-17.bin`. */
export function setTornAside(dir: string, { fd, from, to, seq }: Torn): string {
  const { name, copy } = createNew(dir, `audit-torn-${seq}`)
  try {
    const block = Buffer.alloc(1024 * 1024)
    for (let at = from; at < to; ) {
      const read = readSync(fd, block, 0, Math.min(block.length, to - at), at)
      if (read === 0) break
      writeSync(copy, block, 0, read)
      at += read
    }
    fsyncSync(copy)
    return name
  } finally {
    closeSync(copy)
  }
}

function createNew(dir: string, stem: string): { readonly name: string; readonly copy: number } {
  for (let attempt = 1; ; attempt++) {
    const name = attempt === 1 ? `${stem}.bin` : `${stem}-${attempt}.bin`
    try {
      return { name, copy: openSync(join(dir, name), 'wx', 0o600) }
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
  }
}
