import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** What a signature that holds says: the comment it was made with. */
export interface Verified {
  readonly trustedComment: string
  /** Sixteen hexadecimal digits: which of the keys it was. */
  readonly keyId: string
}

/** A key that signs, as read from the file of `minisign -G -W`. */
export interface SigningKey {
  readonly keyId: Buffer
  readonly privateKey: KeyObject
  /** One line of base64, as verifySignature takes it. */
  readonly publicKey: string
}

/**
 * Whether one of the keys signed the content: prehashed (`ED`) signatures of minisign, both of them checked. Returns
 * undefined for everything else. https://jedisct1.github.io/minisign/#signature-format
 */
export function verifySignature(
  content: Uint8Array,
  signature: string,
  publicKeys: readonly string[],
): Verified | undefined {
  const parts = partsOf(signature)
  if (parts === undefined) return undefined
  const digest = createHash('blake2b512').update(content).digest()
  for (const { keyId, key } of publicKeys.map(readPublicKey)) {
    if (!keyId.equals(parts.keyId)) continue
    const comment = Buffer.concat([parts.ofContent, Buffer.from(parts.trustedComment)])
    if (!verify(null, digest, key, parts.ofContent) || !verify(null, comment, key, parts.ofComment)) continue
    return { trustedComment: parts.trustedComment, keyId: hexOf(keyId) }
  }
  return undefined
}

/** The text of a `.minisig` file. */
export function signatureOf(content: Uint8Array, key: SigningKey, trustedComment: string): string {
  const ofContent = sign(null, createHash('blake2b512').update(content).digest(), key.privateKey)
  const ofComment = sign(null, Buffer.concat([ofContent, Buffer.from(trustedComment)]), key.privateKey)
  const first = Buffer.concat([Buffer.from('ED'), key.keyId, ofContent])
  return [
    `untrusted comment: signature from minisign secret key ${hexOf(key.keyId)}`,
    first.toString('base64'),
    `trusted comment: ${trustedComment}`,
    ofComment.toString('base64'),
    '',
  ].join('\n')
}

/** @throws TypeError when the text is no secret key without a password */
export function readSigningKey(text: string): SigningKey {
  const bytes = Buffer.from(lastLine(text), 'base64')
  const encrypted = bytes.subarray(2, 4).some((byte) => byte !== 0)
  if (bytes.length !== 158 || bytes.toString('latin1', 0, 2) !== 'Ed' || encrypted) {
    throw new TypeError('the signing key is no minisign key without a password: make one with minisign -G -W')
  }
  const key = signingKeyOf(bytes.subarray(54, 62), bytes.subarray(62, 94))
  if (!Buffer.from(key.publicKey, 'base64').subarray(10).equals(bytes.subarray(94, 126))) {
    throw new TypeError('the signing key is damaged: its two halves do not belong together')
  }
  return key
}

/** A key from its parts: eight bytes that name it, and the thirty-two of its seed. */
export function signingKeyOf(keyId: Uint8Array, seed: Uint8Array): SigningKey {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const raw = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)
  const publicKey = Buffer.concat([Buffer.from('Ed'), keyId, raw]).toString('base64')
  return { keyId: Buffer.from(keyId), privateKey, publicKey }
}

interface SignatureParts {
  readonly keyId: Buffer
  readonly ofContent: Buffer
  readonly ofComment: Buffer
  readonly trustedComment: string
}

/** Exactly four lines: what stands after them would be unsigned. */
function partsOf(signature: string): SignatureParts | undefined {
  const [untrusted = '', first = '', trusted = '', second = '', ...rest] = signature.split(/\r?\n/)
  const [comment, mark] = ['untrusted comment:', 'trusted comment: ']
  if (!untrusted.startsWith(comment) || !trusted.startsWith(mark) || rest.some((line) => line !== '')) return undefined
  const bytes = Buffer.from(first, 'base64')
  const ofComment = Buffer.from(second, 'base64')
  if (bytes.length !== 74 || ofComment.length !== 64 || bytes.toString('latin1', 0, 2) !== 'ED') return undefined
  const trustedComment = trusted.slice(mark.length)
  return { keyId: bytes.subarray(2, 10), ofContent: bytes.subarray(10), ofComment, trustedComment }
}

function readPublicKey(text: string): { readonly keyId: Buffer; readonly key: KeyObject } {
  const bytes = Buffer.from(lastLine(text), 'base64')
  if (bytes.length !== 42 || bytes.toString('latin1', 0, 2) !== 'Ed') {
    throw new TypeError(`${JSON.stringify(text)} is no public key of minisign`)
  }
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes.subarray(10)])
  return { keyId: bytes.subarray(2, 10), key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

/** A key file has a comment above its key; a key by itself has none. */
const lastLine = (text: string): string => text.trim().split(/\r?\n/).at(-1) ?? ''

/** minisign prints the number of a key most significant byte first. */
const hexOf = (keyId: Buffer): string => Buffer.from(keyId).reverse().toString('hex').toUpperCase()
