import { createHash } from 'node:crypto'

const alphabet = '23456789abcdefghjkmnpqrstuvwxyz'

/** The id that belongs to a public key (base64 of 32 bytes): `gw-k7w2m9xq`. */
export function gatewayIdOf(publicKey: string): string {
  const digest = createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest()
  return `gw-${[...digest.subarray(0, 8)].map((byte) => alphabet[byte % alphabet.length]).join('')}`
}
