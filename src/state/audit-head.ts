import { createPublicKey, verify } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson, type Json, parseJson, plainJson } from '../lib/json.ts'
import type { Head } from './audit-chain.ts'
import type { Signer } from './fleet-export.ts'
import { gatewayIdOf } from './gateway-id.ts'

const kind = 'tailops-audit-head'
const hex = z.string().regex(/^[0-9a-f]{64}$/)

const statement = z.strictObject({
  type: z.literal(kind),
  gateway: z.string(),
  at: z.iso.datetime(),
  seq: z.number().int().nonnegative(),
  hash: hex,
  /** Of the export that this stands under: its first record, how many, and the SHA-256 of its lines. */
  export: z
    .strictObject({
      first: z.number().int().positive(),
      records: z.number().int().nonnegative(),
      redacted: z.boolean(),
      sha256: hex,
    })
    .optional(),
})

const signedHead = statement.extend({ signature: z.string(), public_key: z.string() })

/** The last record of an audit log, as its gateway says it. */
export type AuditHead = z.output<typeof statement>

/** What is said of an export under its last line. */
export type ExportSeal = NonNullable<AuditHead['export']>

/** The head of the log at a time, signed over the canonical JSON of everything but signature and key. */
export function signHead(
  { seq, hash }: Head,
  signer: Signer,
  said: { readonly at: Date; readonly export?: ExportSeal },
): Json {
  const at = said.at.toISOString()
  const head: AuditHead = {
    type: kind,
    gateway: signer.id,
    at,
    seq,
    hash,
    ...(said.export !== undefined && { export: said.export }),
  }
  return { ...plainJsonOf(head), signature: signer.sign(canonicalJson(head)), public_key: signer.publicKey }
}

const plainJsonOf = (head: AuditHead) => Object(plainJson(head))

/** Whether a text is meant to be a signed head, whatever it proves. */
export const isHead = (parsed: unknown): boolean =>
  typeof parsed === 'object' && parsed !== null && 'type' in parsed && parsed.type === kind

/** What a signed head proves to whoever has the gateway's public key (base64 of 32 bytes); undefined: nothing. */
export function checkHead(parsed: unknown, publicKey: string): AuditHead | undefined {
  const found = signedHead.safeParse(parsed)
  if (!found.success) return undefined
  const { signature, public_key: _key, ...said } = found.data
  if (said.gateway !== gatewayIdOf(publicKey)) return undefined
  const holds = verify(null, Buffer.from(canonicalJson(said)), keyOf(publicKey), Buffer.from(signature, 'base64'))
  return holds ? said : undefined
}

/** The head of an Ed25519 key as SubjectPublicKeyInfo (RFC 8410). */
const keyHead = Buffer.from('302a300506032b6570032100', 'hex')

const keyOf = (publicKey: string) =>
  createPublicKey({
    key: Buffer.concat([keyHead, Buffer.from(publicKey, 'base64')]),
    format: 'der',
    type: 'spki',
  })

/** Whether a text is the public key of a gateway. */
export const isPublicKey = (text: string): boolean => /^[A-Za-z0-9+/]{43}=$/.test(text)

/** Signed heads in a file of anchors: one a line, alone or as `head` of a log line. Those that this key did not sign are told. */
export function readAnchors(
  text: string,
  publicKey: string,
): { readonly anchors: readonly AuditHead[]; readonly foreign: number } {
  const heads = text
    .split('\n')
    .map((line) => parseJson(line))
    .flatMap((parsed) => (isHead(parsed) ? [parsed] : [Object(parsed).head].filter(isHead)))
  const anchors = heads.flatMap((parsed) => checkHead(parsed, publicKey) ?? [])
  return { anchors, foreign: heads.length - anchors.length }
}
