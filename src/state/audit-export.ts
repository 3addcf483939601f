import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import { genesis, type Head, sealOf } from './audit-chain.ts'
import { signHead } from './audit-head.ts'
import type { Signer } from './fleet-export.ts'

/** What may leave: who did what, where, when, and how it ended. Arguments, reasons and the words of steps stay. */
const kept = z.object({
  seq: z.number(),
  at: z.string(),
  call: z.string(),
  event: z.string(),
  caller: z.string(),
  tool: z.string().optional(),
  targets: z.array(z.string()).optional(),
  risk: z.string().optional(),
  decision: z.string().optional(),
  plan: z.string().optional(),
  approval: z.string().optional(),
  step: z.object({ target: z.string(), index: z.number(), phase: z.string(), end: z.string().optional() }).optional(),
  result: z.string().optional(),
  durationMs: z.number().optional(),
})

export interface ExportOptions {
  readonly redact: boolean
  readonly signer: Signer
  readonly at: Date
}

/** Lines of the log as they may leave, and under them what the gateway signs: that these are all from the first to the last. */
export function* auditExport(lines: Iterable<string>, { redact, signer, at }: ExportOptions): Generator<string> {
  const digest = createHash('sha256')
  let head: Head = genesis
  let first: number | undefined
  let records = 0
  for (const line of lines) {
    const seal = sealOf(Buffer.from(line))
    const text = redact ? redacted(line, seal) : line
    digest.update(`${text}\n`)
    yield text
    if (seal === undefined) continue
    head = seal
    first ??= seal.seq
    records += 1
  }
  const seal = { first: first ?? 1, records, redacted: redact, sha256: digest.digest('hex') }
  yield JSON.stringify(signHead(head, signer, { at, export: seal }))
}

/** The hashes stay those of the whole record: whoever is given one later can check that it is the same. */
function redacted(line: string, seal: (Head & { readonly prev: string }) | undefined): string {
  const parsed = kept.safeParse(parseJson(line))
  const chain = seal === undefined ? {} : { prev: seal.prev, hash: seal.hash }
  return JSON.stringify({ ...(parsed.success ? parsed.data : {}), redacted: true, ...chain })
}
