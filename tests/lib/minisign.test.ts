import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readSigningKey, signatureOf, signingKeyOf, verifySignature } from '../../src/lib/minisign.ts'

/** Made by minisign itself, of the four bytes `test`; from the tests of minisign-verify. */
const foreign = {
  key: 'RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3',
  signature: `untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
`,
}

const seedOf = (word: string) => createHash('sha256').update(word).digest()
const keyOf = (word: string) => signingKeyOf(seedOf(word).subarray(0, 8), seedOf(word))
const content = Buffer.from('{"version":"1.2.3"}\n')

describe('verifySignature', () => {
  test('a signature that minisign made holds', () => {
    expect(verifySignature(Buffer.from('test'), foreign.signature, [foreign.key])).toEqual({
      trustedComment: 'timestamp:1633700835\tfile:test\tprehashed',
      keyId: 'E7620F1842B4E81F',
    })
    expect(verifySignature(Buffer.from('tesu'), foreign.signature, [foreign.key])).toBeUndefined()
  })

  test('the key of now and the key of later both hold, a third does not, and no key at all trusts nothing', () => {
    const keys = [keyOf('now').publicKey, keyOf('later').publicKey]
    for (const word of ['now', 'later']) {
      expect(verifySignature(content, signatureOf(content, keyOf(word), 'c'), keys)?.trustedComment).toBe('c')
    }
    expect(verifySignature(content, signatureOf(content, keyOf('third'), 'c'), keys)).toBeUndefined()
    expect(verifySignature(content, signatureOf(content, keyOf('now'), 'c'), [])).toBeUndefined()
  })

  test('another key with the same number does not hold', () => {
    const other = signingKeyOf(keyOf('now').keyId, seedOf('other'))
    expect(verifySignature(content, signatureOf(content, other, 'c'), [keyOf('now').publicKey])).toBeUndefined()
  })

  test('no bit of content, signature or trusted comment can be changed, and nothing can be added', () => {
    const key = keyOf('now')
    const whole = signatureOf(content, key, 'version 1.2.3')
    const keys = [key.publicKey]
    expect(verifySignature(Buffer.concat([content, Buffer.from(' ')]), whole, keys)).toBeUndefined()
    expect(verifySignature(content, whole.replace('1.2.3', '1.2.4'), keys)).toBeUndefined()
    expect(verifySignature(content, `${whole}more\n`, keys)).toBeUndefined()
    expect(verifySignature(content, whole.split('\n').slice(0, 2).join('\n'), keys)).toBeUndefined()
    const [first = '', line = '', ...rest] = whole.split('\n')
    for (const at of [2, 10, 20, 60, 90]) {
      const changed = `${line.slice(0, at)}${line[at] === 'A' ? 'B' : 'A'}${line.slice(at + 1)}`
      expect(verifySignature(content, [first, changed, ...rest].join('\n'), keys)).toBeUndefined()
    }
    expect(verifySignature(content, '', keys)).toBeUndefined()
  })
})

describe('readSigningKey', () => {
  const fileOf = (kdf: string, word = 'now') => {
    const [seed, { keyId, publicKey }] = [seedOf(word), keyOf(word)]
    const half = Buffer.from(publicKey, 'base64').subarray(10)
    const head = Buffer.concat([Buffer.from('Ed'), Buffer.from(kdf, 'latin1'), Buffer.from('B2'), Buffer.alloc(48)])
    const bytes = Buffer.concat([head, keyId, seed, half, Buffer.alloc(32)])
    return `untrusted comment: minisign secret key\n${bytes.toString('base64')}\n`
  }

  test('the file of minisign -G -W gives the key', () => {
    expect(readSigningKey(fileOf('\0\0')).publicKey).toBe(keyOf('now').publicKey)
  })

  test('a key with a password and a file that is no key are refused', () => {
    expect(() => readSigningKey(fileOf('Sc'))).toThrow('without a password')
    expect(() => readSigningKey('hello')).toThrow('no minisign key')
  })
})
