import { GatewayError } from '../core/errors.ts'
import { fileFor, parseManifest, type ReleaseFile, type ReleaseManifest } from '../core/release-manifest.ts'
import { judgeVersion } from '../core/release-version.ts'
import { sha256 } from '../lib/digest.ts'
import { parseJson } from '../lib/json.ts'
import { verifySignature } from '../lib/minisign.ts'
import type { ReleaseSource } from './source.ts'
import type { Progress } from './steps.ts'

/** What is known of this build and asked of the release. */
export interface Question {
  readonly current: { readonly version: string; readonly target: string }
  /** The keys that are trusted. */
  readonly keys: readonly string[]
  readonly wanted?: string | undefined
  readonly channel?: string | undefined
  readonly allowDowngrade: boolean
}

/** A release whose signature holds and whose version may be installed. */
export interface TrustedRelease {
  readonly manifest: ReleaseManifest
  readonly file: ReleaseFile
  readonly is: 'newer' | 'same' | 'older'
}

/** Reads the manifest and believes it when it is signed. @throws GatewayError */
export async function findRelease(
  source: ReleaseSource,
  question: Question,
  progress: Progress,
): Promise<TrustedRelease> {
  progress('manifest', `reading the release from ${source.name}`)
  const { content, signature } = await source.manifest()
  progress('signature', 'checking who signed it')
  const verified = verifySignature(content, signature, question.keys)
  if (verified === undefined) {
    throw new GatewayError('denied', `the manifest of ${source.name} is not signed by a key that this build trusts`, {
      hint: 'do not install it; if the project has changed its keys, its release notes say how to go on',
    })
  }
  const manifest = parseManifest(parseJson(Buffer.from(content).toString('utf8')))
  progress('version', `${manifest.version} of ${manifest.date.slice(0, 10)}, signed by ${verified.keyId}`)
  const { current, wanted, channel, allowDowngrade } = question
  const is = judgeVersion({ current: current.version, offered: manifest, wanted, channel, allowDowngrade })
  return { manifest, file: fileFor(manifest, current.target), is }
}

/** The compressed file, exactly as it was signed. @throws GatewayError */
export async function fetchFile(
  source: ReleaseSource,
  { manifest, file }: TrustedRelease,
  progress: Progress,
): Promise<Uint8Array> {
  progress('download', `${file.name}, ${Math.ceil(file.size / 1_048_576)} MiB`)
  const packed = await source.file(file.name, manifest.version, file.size)
  progress('size', 'checking its size')
  if (packed.length !== file.size) {
    throw new GatewayError('unexpected_reply', `${file.name} has ${packed.length} bytes, not ${file.size}`, {
      hint: 'the download was cut off; try again',
    })
  }
  progress('hash', 'checking its SHA-256')
  const digest = sha256(packed)
  if (digest !== file.sha256) {
    throw new GatewayError('denied', `${file.name} has the SHA-256 ${digest}, not ${file.sha256}`, {
      hint: 'it was damaged or exchanged; do not install it',
    })
  }
  return packed
}
