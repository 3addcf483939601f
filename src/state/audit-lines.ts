import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from './file-lock.ts'

/** The file that grows. */
export const activeName = 'audit.jsonl'

/** A file that is full, by the number of its first record: `audit-000000000001.jsonl`. */
export const rotatedName = (firstSeq: number): string => `audit-${String(firstSeq).padStart(12, '0')}.jsonl`

const rotated = /^audit-\d{12,}\.jsonl$/

/** An open file of the log and how much of it is to be read. */
export interface AuditFile {
  readonly name: string
  readonly fd: number
  readonly size: number
}

/** Opens all files of the log, oldest first. Under the lock, or a rotation may come between. The caller closes them. */
export function openAuditFiles(dir: string): readonly AuditFile[] {
  const older = readdirSync(dir).filter((name) => rotated.test(name))
  const names = [...older.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)), activeName]
  return names.flatMap((name) => openIfThere(dir, name) ?? [])
}

export function closeAuditFiles(files: readonly AuditFile[]): void {
  for (const { fd } of files) closeSync(fd)
}

function openIfThere(dir: string, name: string): AuditFile | undefined {
  try {
    const fd = openSync(join(dir, name), 'r')
    return { name, fd, size: fstatSync(fd).size }
  } catch (error) {
    if (name === activeName && systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** One line without its newline; `whole` is false when the newline is missing. */
export interface Line {
  readonly bytes: Buffer
  readonly whole: boolean
  /** Where it begins in the file. */
  readonly offset: number
}

const blockBytes = 256 * 1024
const firstBlockBytes = 8 * 1024
const newline = 0x0a

/** All lines of a file, from its beginning. */
export function* linesForward({ fd, size }: Pick<AuditFile, 'fd' | 'size'>): Generator<Line> {
  let begun: Buffer[] = []
  let begunAt = 0
  for (let at = 0; at < size; ) {
    const block = readBlock(fd, at, Math.min(blockBytes, size - at))
    if (block.length === 0) break
    let from = 0
    for (let end = block.indexOf(newline); end !== -1; end = block.indexOf(newline, from)) {
      yield { bytes: joined([...begun, block.subarray(from, end)]), whole: true, offset: begunAt }
      begun = []
      from = end + 1
      begunAt = at + from
    }
    if (from < block.length) begun.push(block.subarray(from))
    at += block.length
  }
  if (begun.length > 0) yield { bytes: joined(begun), whole: false, offset: begunAt }
}

/** All lines of a file from its end, read in blocks. What follows the last newline comes first, not whole. */
export function* linesBackward({ fd, size }: Pick<AuditFile, 'fd' | 'size'>): Generator<Line> {
  let after: Buffer[] = []
  let whole = false
  let wanted = firstBlockBytes
  for (let at = size; at > 0; ) {
    const length = Math.min(wanted, at)
    wanted = Math.min(wanted * 4, blockBytes)
    at -= length
    const block = readBlock(fd, at, length)
    let to = block.length
    for (let end = block.lastIndexOf(newline); end !== -1; end = lastNewline(block, end)) {
      const bytes = joined([block.subarray(end + 1, to), ...after])
      if (whole || bytes.length > 0) yield { bytes, whole, offset: at + end + 1 }
      whole = true
      after = []
      to = end
    }
    after = [block.subarray(0, to), ...after]
  }
  const bytes = joined(after)
  if (whole || bytes.length > 0) yield { bytes, whole, offset: 0 }
}

const lastNewline = (block: Buffer, before: number): number =>
  before === 0 ? -1 : block.lastIndexOf(newline, before - 1)

const joined = (parts: readonly Buffer[]): Buffer => {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
}

function readBlock(fd: number, at: number, length: number): Buffer {
  const block = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const read = readSync(fd, block, filled, length - filled, at + filled)
    if (read === 0) break
    filled += read
  }
  return block.subarray(0, filled)
}
