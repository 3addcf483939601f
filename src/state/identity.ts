import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../core/errors.ts'
import { systemCode } from './file-lock.ts'
import { gatewayIdOf } from './gateway-id.ts'
import { stateUnavailable } from './state-error.ts'

/** Who this gateway is: an Ed25519 key that never leaves its state directory. */
export interface Identity {
  /** A short digest of the public key: `gw-k7w2m9xq`. */
  readonly id: string
  /** 32 bytes, base64. */
  readonly publicKey: string
  /** Ed25519 (RFC 8032) over the UTF-8 bytes of the text, base64. */
  sign(text: string): string
}

/** The identity of a state directory, made when it is first asked for. @throws GatewayError state_unavailable */
export function openIdentity(dir: string, newId: (length: number) => string): Identity {
  const path = join(dir, 'identity.pem')
  const key = readKey(path) ?? makeKey(path, `${path}.${newId(12)}`)
  const publicKey = rawPublicKey(key)
  return {
    id: gatewayIdOf(publicKey),
    publicKey,
    sign: (text) => sign(null, Buffer.from(text), key).toString('base64'),
  }
}

/** Undefined when there is none yet. A key that others may read, or that cannot be read, is never replaced by itself. */
function readKey(path: string): KeyObject | undefined {
  const pem = contentOf(path)
  if (pem === undefined) return undefined
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new GatewayError('state_unavailable', `others may read the key of this gateway, ${path}`, {
      hint: `chmod 600 ${path}; where others may have read it, delete it instead: the gateway then gets a new id`,
    })
  }
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (error) {
    throw damaged(path, error)
  }
  throw damaged(path, undefined)
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw stateUnavailable(`cannot read the key of this gateway, ${path}`, error)
  }
}

const damaged = (path: string, cause: unknown): GatewayError =>
  new GatewayError('state_unavailable', `the key of this gateway, ${path}, is damaged`, {
    hint: 'put it back from a backup, or delete it: the gateway then gets a new key and a new id',
    cause,
  })

/** Whole and on disk before it has its name; the first of several processes wins. */
function makeKey(path: string, fresh: string): KeyObject {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  try {
    const file = openSync(fresh, 'wx', 0o600)
    try {
      writeSync(file, pem.toString())
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    linkUnlessThere(fresh, path)
  } catch (error) {
    throw stateUnavailable('cannot keep the key of this gateway', error)
  } finally {
    rmSync(fresh, { force: true })
  }
  const key = readKey(path)
  if (key === undefined) throw stateUnavailable(`the key of this gateway, ${path}, is gone again`, undefined)
  return key
}

function linkUnlessThere(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
}

/** The last 32 bytes of its SubjectPublicKeyInfo (RFC 8410). */
const rawPublicKey = (key: KeyObject): string =>
  createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')
