import { z } from 'zod'
import { GatewayError } from './errors.ts'
import { versionPattern } from './release-version.ts'

const version = z.string().regex(versionPattern)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const size = z.int().positive().max(1_000_000_000)

/** One executable, compressed; both forms are named, for both are checked. */
export const releaseFile = z.object({
  /** `tailops-0.2.0-linux-x64.gz`: a plain name, never a path. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
  /** `linux-x64`, `linux-arm64`, `linux-x64-musl`. */
  target: z.string().regex(/^[a-z0-9-]{1,40}$/),
  size,
  sha256,
  binary_size: size,
  binary_sha256: sha256,
})

/** What a release says of itself; nothing of it is believed before its signature holds. */
export const releaseManifest = z.object({
  version,
  /** The oldest version from which one may go to this one. */
  min_version: version,
  /** `2026-11-21T12:00:00Z` */
  date: z.iso.datetime(),
  channel: z.enum(['stable', 'beta']),
  files: z.array(releaseFile).min(1).max(20),
})

export type ReleaseFile = z.output<typeof releaseFile>
export type ReleaseManifest = z.output<typeof releaseManifest>

/** @throws GatewayError unexpected_reply */
export function parseManifest(content: unknown): ReleaseManifest {
  const parsed = releaseManifest.safeParse(content)
  if (parsed.success) return parsed.data
  const [first] = parsed.error.issues
  const where = first === undefined ? '' : `: ${first.path.join('.')}: ${first.message}`
  throw new GatewayError('unexpected_reply', `the manifest is signed, but this version cannot read it${where}`, {
    hint: 'install the new version with install.sh',
    cause: parsed.error,
  })
}

/** The file for this machine. @throws GatewayError not_found */
export function fileFor(manifest: ReleaseManifest, target: string): ReleaseFile {
  const found = manifest.files.find((file) => file.target === target)
  if (found !== undefined) return found
  const offered = manifest.files.map((file) => file.target).join(', ')
  throw new GatewayError('not_found', `release ${manifest.version} has no file for ${target}, only for ${offered}`)
}
