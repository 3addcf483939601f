import { randomBytes } from 'node:crypto'

const alphabet = '23456789abcdefghjkmnpqrstuvwxyz'

/** An unguessable id without look-alike characters, `length` × 4.95 bits: `k7w2m9xq4t3b`. */
export function randomId(length = 12): string {
  let id = ''
  while (id.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && id.length < length) id += alphabet[byte % 31]
    }
  }
  return id
}
