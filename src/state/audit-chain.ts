import { sha256 } from '../lib/digest.ts'

/** The last record of the chain: what the next one is linked to. */
export interface Head {
  readonly seq: number
  readonly hash: string
}

/** Before the first record. */
export const genesis: Head = { seq: 0, hash: '0'.repeat(64) }

/** A line with its newline, and itself as the head of the chain. */
export interface Sealed {
  readonly line: string
  readonly head: Head
}

/**
 * Links a record to the chain. The hash covers the exact bytes of the line before `,"hash":"`:
 * `{"seq":7,"at":"…","call":"…",…,"prev":"<64 hex>","hash":"<64 hex>"}`
 * @param body the record as a JSON object without seq, prev and hash, not empty
 */
export function seal(body: string, before: Head): Sealed {
  const seq = before.seq + 1
  const sealed = `{"seq":${seq},${body.slice(1, -1)},"prev":"${before.hash}"`
  const hash = sha256(sealed)
  return { line: `${sealed},"hash":"${hash}"}\n`, head: { seq, hash } }
}

const ending = /^,"hash":"([0-9a-f]{64})"\}$/
const endingBytes = 75
const link = /,"prev":"([0-9a-f]{64})"$/
const linkBytes = 74
const start = /^\{"seq":([1-9]\d{0,15}),"/

/** The parts of a line that make the chain, as they are written in it. */
export interface Seal extends Head {
  readonly prev: string
  /** Whether the hash is that of the bytes before it. */
  readonly holds: boolean
}

/** Reads the seal of a line (without its newline); undefined when it has none. */
export function sealOf(line: Buffer): Seal | undefined {
  if (line.length < endingBytes) return undefined
  const sealed = line.subarray(0, line.length - endingBytes)
  const hash = ending.exec(line.toString('latin1', sealed.length))?.[1]
  const prev = link.exec(sealed.toString('latin1', Math.max(0, sealed.length - linkBytes)))?.[1]
  const seq = seqOf(line)
  if (hash === undefined || prev === undefined || seq === undefined) return undefined
  return { seq, hash, prev, holds: sha256(sealed) === hash }
}

/** The number a line begins with, even when the rest of it is missing. */
export function seqOf(line: Buffer): number | undefined {
  const digits = start.exec(line.toString('latin1', 0, 32))?.[1]
  return digits === undefined ? undefined : Number(digits)
}
