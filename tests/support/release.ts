import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { ReleaseManifest } from '../../src/core/release-manifest.ts'
import { sha256 } from '../../src/lib/digest.ts'
import { type SigningKey, signatureOf, signingKeyOf } from '../../src/lib/minisign.ts'

const seed = (word: string) => createHash('sha256').update(word).digest()

/** The same key for the same word. */
export const signingKey = (word: string): SigningKey => signingKeyOf(seed(word).subarray(0, 8), seed(word))

/** The file of that key, as `minisign -G -W` writes one. */
export function signingKeyFile(word: string): string {
  const head = Buffer.concat([Buffer.from('Ed\0\0B2', 'latin1'), Buffer.alloc(48)])
  const publicHalf = Buffer.from(signingKey(word).publicKey, 'base64').subarray(10)
  const whole = Buffer.concat([head, seed(word).subarray(0, 8), seed(word), publicHalf, Buffer.alloc(32)])
  return `untrusted comment: a key for tests\n${whole.toString('base64')}\n`
}

/** A release as it is written to a folder. */
export interface ReleaseOptions {
  readonly version: string
  readonly executable: string | Uint8Array
  readonly key?: SigningKey
  /** Changes what is signed. */
  readonly manifest?: Partial<ReleaseManifest>
  /** Changes the bytes of the file after they were signed. */
  readonly damage?: (packed: Buffer) => Buffer
}

/** Writes a signed release for linux-x64 to a folder and returns the folder. */
export function writeRelease(folder: string, options: ReleaseOptions): string {
  const { version, executable, key = signingKey('release'), manifest, damage = (packed) => packed } = options
  mkdirSync(folder, { recursive: true })
  const binary = Buffer.from(executable)
  const packed = gzipSync(binary, { level: 1 })
  const name = `tailops-${version}-linux-x64.gz`
  const file = {
    ...{ name, target: 'linux-x64', size: packed.length, sha256: sha256(packed) },
    ...{ binary_size: binary.length, binary_sha256: sha256(binary) },
  }
  const date = '2026-11-21T12:00:00Z'
  const whole = { version, min_version: '0.1.0', date, channel: 'stable', files: [file], ...manifest }
  const content = Buffer.from(`${JSON.stringify(whole, undefined, 1)}\n`)
  writeFileSync(join(folder, 'manifest.json'), content)
  writeFileSync(join(folder, 'manifest.json.minisig'), signatureOf(content, key, `tailops ${version}`))
  writeFileSync(join(folder, name), damage(packed))
  return folder
}

/** How an executable that stands for a version behaves. */
export interface StandIn {
  readonly version: string
  /** Lines of sh, run for the command of that name. */
  readonly on?: { readonly version?: string; readonly 'validate-config'?: string; readonly serve?: string }
}

const server = readFileSync(join(import.meta.dirname, 'release-server.ts'), 'utf8')

/** A small program that behaves as tailops does towards an update: version, validate-config, serve with /readyz. */
export function standIn({ version, on = {} }: StandIn): string {
  const serve = `exec '${process.execPath}' -e "$(cat <<'SERVER'\n${server}\nSERVER\n)"`
  const commands = { version: `echo 'tailops ${version}'`, 'validate-config': 'test -r "$2"', serve, ...on }
  const cases = Object.entries(commands).map(([name, lines]) => `${name})\n${lines}\n;;`)
  return `#!/bin/sh\nSTAND_IN_VERSION='${version}'; export STAND_IN_VERSION\ncase \${1:-serve} in\n${cases.join('\n')}\nesac\n`
}
