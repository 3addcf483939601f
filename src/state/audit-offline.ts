import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import { genesis, type Head, sealOf } from './audit-chain.ts'
import { type AuditHead, checkHead, isHead } from './audit-head.ts'

/** What a check of an exported log found. */
export interface OfflineVerdict {
  readonly ok: boolean
  readonly first?: number | undefined
  readonly last?: number | undefined
  readonly records: number
  readonly redacted: boolean
  /** When the gateway signed that these are all; undefined: the file has no such line. */
  readonly signedAt?: string | undefined
  /** How many anchors agree with it. */
  readonly anchors: number
  readonly broken?: { readonly line: number; readonly why: string } | undefined
}

const redactedLine = z.looseObject({
  seq: z.number(),
  redacted: z.literal(true),
  prev: z.string(),
  hash: z.string(),
})

/**
 * Checks an export, or a log as it stands, with the gateway's public key alone: every seal and link, the signature under
 * it, and heads that were anchored elsewhere, which also find lines that were cut off its end and a log written anew.
 */
export function verifyOffline(
  lines: Iterable<string>,
  { publicKey, anchors }: { readonly publicKey: string; readonly anchors: readonly AuditHead[] },
): OfflineVerdict {
  const anchored = new Map(anchors.map(({ seq, hash }) => [seq, hash]))
  const digest = createHash('sha256')
  let head: Head | undefined
  let first: Head | undefined
  let signed: AuditHead | undefined
  const seen = { records: 0, redacted: false, anchors: 0 }
  const verdict = (broken?: OfflineVerdict['broken']): OfflineVerdict => ({
    ok: broken === undefined,
    first: first?.seq,
    last: head?.seq,
    ...seen,
    signedAt: signed?.at,
    broken,
  })
  let line = 0
  for (const text of lines) {
    line += 1
    if (signed !== undefined) return verdict({ line, why: 'it stands behind the signature' })
    const parsed = parseJson(text)
    if (isHead(parsed)) {
      const said = checkHead(parsed, publicKey)
      const why =
        said === undefined
          ? 'its signature is not by this key'
          : unfit(said, head ?? genesis, digest.copy().digest('hex'))
      if (why !== undefined) return verdict({ line, why })
      signed = said
      continue
    }
    digest.update(`${text}\n`)
    const link = linkOf(text, parsed)
    const why = faultOf(link, head, anchored)
    if (link === undefined || why !== undefined) return verdict({ line, why: why ?? 'it is not a sealed record' })
    seen.records += 1
    seen.redacted ||= link.redacted
    if (anchored.has(link.seq)) seen.anchors += 1
    first ??= link
    head = link
  }
  if (seen.redacted && signed === undefined)
    return verdict({ line, why: 'redacted lines prove nothing without the signature under them' })
  const cut = anchors.find(({ seq }) => seq > (head?.seq ?? 0))
  if (cut === undefined) return verdict()
  const why = `the log ends with record ${head?.seq ?? 0}, but ${cut.seq} was there at ${cut.at}: its end was cut off`
  return verdict({ line: line + 1, why })
}

interface Link extends Head {
  readonly prev: string
  readonly redacted: boolean
}

/** Of a redacted line the gateway's signature must say that it is true; of a whole one its own hash does. */
function linkOf(text: string, parsed: unknown): (Link & { readonly holds: boolean }) | undefined {
  const short = redactedLine.safeParse(parsed)
  if (short.success) return { ...short.data, holds: true }
  const seal = sealOf(Buffer.from(text))
  return seal && { ...seal, redacted: false }
}

function faultOf(
  link: (Link & { readonly holds: boolean }) | undefined,
  before: Head | undefined,
  anchored: ReadonlyMap<number, string>,
): string | undefined {
  if (link === undefined) return 'it is not a sealed record'
  if (!link.holds) return 'its bytes are not those that were sealed'
  const last = before ?? (link.seq === 1 ? genesis : undefined)
  if (last !== undefined && link.seq !== last.seq + 1) return `record ${link.seq} follows record ${last.seq}`
  if (last !== undefined && link.prev !== last.hash) return 'its `prev` is not the hash of the record before it'
  const hash = anchored.get(link.seq)
  return hash === undefined || hash === link.hash ? undefined : 'it is not the record that was anchored'
}

function unfit(said: AuditHead, head: Head, sha256: string): string | undefined {
  if (said.export === undefined) return 'it is no signature under an export'
  if (said.seq !== head.seq || said.hash !== head.hash) return `it was signed with record ${said.seq} as the last`
  return said.export.sha256 === sha256 ? undefined : 'the lines are not those that were signed'
}
