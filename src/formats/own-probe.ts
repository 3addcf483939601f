import { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import type { TlsSession } from './certificate.ts'
import type { HttpTest } from './http-test.ts'
import { plain, rounded } from './sections.ts'

const text = z.string().transform(plain)
const ms = z
  .number()
  .transform((value) => rounded(value, 1))
  .optional()

const tlsReply = z.object({
  said: text.optional(),
  certificate: z
    .object({
      subject: text,
      issuer: text,
      names: z.array(text),
      not_before: z.coerce.date(),
      not_after: z.coerce.date(),
      serial: text,
      sha256: text,
      chain_length: z.number(),
      protocol: text,
      verify: z.object({ code: z.number(), text }),
      is_for_name: z.boolean(),
    })
    .optional(),
})

/** What the gateway's own handshake saw (`probe:tls`), in the form of what openssl says; undefined when it is something else. */
export function parseNativeTls(output: string): TlsSession | undefined {
  const { data } = tlsReply.safeParse(parseJson(output))
  if (data === undefined) return undefined
  const { said = '', certificate } = data
  if (certificate === undefined) return { program: 'native', certificate, said }
  const { not_before, not_after, sha256, chain_length, is_for_name, ...same } = certificate
  const renamed = { notBefore: not_before, notAfter: not_after, fingerprint: sha256, chainLength: chain_length }
  return { program: 'native', certificate: { ...same, ...renamed, isForName: is_for_name }, said }
}

const httpReply = z.object({
  said: text.optional(),
  certificate: text.optional(),
  response: z
    .object({
      status: z.number(),
      version: text,
      contentType: text,
      location: text,
      bytes: z.number(),
      connectMs: ms,
      tlsMs: ms,
      firstByteMs: ms,
      totalMs: ms,
    })
    .optional(),
})

/** What the gateway's own request saw (`probe:http`); undefined when it is something else. */
export function parseNativeHttp(output: string): HttpTest | undefined {
  const { data } = httpReply.safeParse(parseJson(output))
  if (data === undefined) return undefined
  const { said = '', certificate, response } = data
  if (response === undefined) return { program: 'native', response, exit: 1, certificate, said }
  const { connectMs, tlsMs, firstByteMs, totalMs, ...same } = response
  return {
    program: 'native',
    response: { ...same, connectMs, tlsMs, firstByteMs, totalMs },
    exit: 0,
    certificate,
    said,
  }
}
