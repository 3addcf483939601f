import { createPublicKey, verify } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson, type Json } from '../lib/json.ts'
import { gatewayIdOf } from './gateway-id.ts'

/** Who signs an export. */
export interface Signer {
  readonly id: string
  readonly publicKey: string
  sign(text: string): string
}

/** The whole of it, with the signature over the canonical JSON of everything else and the key that it is checked with. */
export function signedExport(content: Readonly<Record<string, Json | undefined>>, signer: Signer): Json {
  return { ...content, signature: signer.sign(canonicalJson(content)), public_key: signer.publicKey }
}

const signed = z.looseObject({
  gateway: z.looseObject({ id: z.string(), name: z.string().optional() }),
  exported_at: z.string(),
  signature: z.string(),
  public_key: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
})

/** What an export proves: who made it and when, or why it proves nothing. */
export type ExportVerdict =
  | { readonly ok: true; readonly id: string; readonly name?: string | undefined; readonly at: string }
  | { readonly ok: false; readonly why: string }

/** The head of an Ed25519 key as SubjectPublicKeyInfo (RFC 8410). */
const keyHead = Buffer.from('302a300506032b6570032100', 'hex')

/** Checks an export as it was parsed. Pure. */
export function checkExport(parsed: unknown): ExportVerdict {
  const found = signed.safeParse(parsed)
  if (!found.success) return { ok: false, why: 'it is no export of a gateway' }
  const { signature, public_key: key, ...content } = found.data
  const { id, name } = content.gateway
  if (gatewayIdOf(key) !== id) return { ok: false, why: `its key is not that of ${id}` }
  const publicKey = createPublicKey({
    key: Buffer.concat([keyHead, Buffer.from(key, 'base64')]),
    format: 'der',
    type: 'spki',
  })
  const holds = verify(null, Buffer.from(canonicalJson(content)), publicKey, Buffer.from(signature, 'base64'))
  return holds
    ? { ok: true, id, name, at: content.exported_at }
    : { ok: false, why: 'it was changed after it was signed' }
}
