/** A place in the history of one fleet store. */
export interface FleetCursor {
  readonly epoch: string
  /** The number of the last change that is known. */
  readonly seq: number
}

const epochBytes = 6
const seqBytes = 6

/** A place as callers see it, opaque and short: `q83vEjRWKg`. */
export function cursorText({ epoch, seq }: FleetCursor): string {
  const number = Buffer.alloc(seqBytes)
  number.writeUIntBE(seq, 0, seqBytes)
  const first = number.findIndex((byte) => byte !== 0)
  const short = first === -1 ? number.subarray(seqBytes - 1) : number.subarray(first)
  return Buffer.concat([Buffer.from(epoch, 'hex'), short]).toString('base64url')
}

/** Undefined for a text that is no cursor of ours. */
export function readCursor(text: string): FleetCursor | undefined {
  const bytes = Buffer.from(text, 'base64url')
  const seq = bytes.subarray(epochBytes)
  if (seq.length === 0 || seq.length > seqBytes || bytes.toString('base64url') !== text) return undefined
  return { epoch: bytes.toString('hex', 0, epochBytes), seq: seq.readUIntBE(0, seq.length) }
}
