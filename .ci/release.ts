import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import manifest from '../package.json' with { type: 'json' }
import { type ReleaseFile, releaseManifest } from '../src/core/release-manifest.ts'
import { versionPattern } from '../src/core/release-version.ts'
import { sha256 } from '../src/lib/digest.ts'
import { readSigningKey, type SigningKey, signatureOf } from '../src/lib/minisign.ts'
import { projectUrl, releaseKeys } from '../src/lib/release-keys.ts'
import { billOfMaterials } from './sbom.ts'

/**
 * `npm run release -- [--out DIR] [--targets a,b] [--channel stable|beta] [--version V] [--min-version V] [--test-key FILE]`
 * builds, signs and describes a release. TAILOPS_RELEASE_KEY names the file of the signing key, made by `minisign -G -W`,
 * whose public half must stand in src/lib/release-keys.ts. Without it a test key signs, which only these builds trust.
 * SOURCE_DATE_EPOCH, or else the last commit, dates the release: the same tree gives the same bytes.
 */
const root = resolve(import.meta.dirname, '..')
process.chdir(root)

/** What Bun calls what we build for. */
const targets: Readonly<Record<string, string>> = {
  'linux-x64': 'bun-linux-x64',
  'linux-arm64': 'bun-linux-arm64',
  'linux-x64-musl': 'bun-linux-x64-musl',
}

interface Options {
  readonly out: string
  readonly targets: readonly string[]
  readonly channel: 'stable' | 'beta'
  readonly version: string
  readonly minVersion: string
  readonly key: SigningKey
  /** Whether only these builds trust the key. */
  readonly isTest: boolean
}

function main(): void {
  const options = readOptions()
  const { out, version } = options
  const date = dateOfTree()
  clear(out)
  const files = options.targets.map((target) => build(target, options))
  const write = (name: string, text: string): void => writeFileSync(join(out, name), text)
  const sign = (name: string): void =>
    write(`${name}.minisig`, signatureOf(readFileSync(join(out, name)), options.key, `tailops ${version} ${name}`))

  const whole = { version, min_version: options.minVersion, date, channel: options.channel, files }
  write('manifest.json', `${JSON.stringify(releaseManifest.parse(whole), undefined, 1)}\n`)
  sign('manifest.json')
  write('tailops.cdx.json', billOfMaterials({ version, date }))
  const summed = [...files.map(({ name }) => name), 'manifest.json', 'tailops.cdx.json']
  write('SHA256SUMS', summed.map((name) => `${sha256(readFileSync(join(out, name)))}  ${name}\n`).join(''))
  sign('SHA256SUMS')
  const scripts = pinScripts(options)
  report(options, [...summed, 'SHA256SUMS', ...scripts])
}

function readOptions(): Options {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      ...{ out: { ...text, default: 'dist/release' }, targets: { ...text, default: Object.keys(targets).join(',') } },
      ...{ channel: { ...text, default: 'stable' }, version: { ...text, default: manifest.version } },
      ...{ 'min-version': { ...text, default: '0.1.0' }, 'test-key': text },
    },
  })
  const { out, version, channel } = values
  if (!versionPattern.test(version)) throw new Error(`--version ${version} is no version`)
  if (channel !== 'stable' && channel !== 'beta') throw new Error(`--channel ${channel} is neither stable nor beta`)
  const wanted = values.targets.split(',')
  const strange = wanted.find((target) => targets[target] === undefined)
  if (strange !== undefined) throw new Error(`--targets ${strange} is none of ${Object.keys(targets).join(', ')}`)
  return {
    out,
    targets: wanted,
    channel,
    version,
    minVersion: values['min-version'],
    ...keyOf(values['test-key'], out),
  }
}

function keyOf(testKey: string | undefined, out: string): Pick<Options, 'key' | 'isTest'> {
  const file = process.env['TAILOPS_RELEASE_KEY']
  if (file === undefined) return { key: testKeyIn(testKey ?? `${out}.test-key`), isTest: true }
  const key = readSigningKey(readFileSync(file, 'utf8'))
  if (releaseKeys.includes(key.publicKey)) return { key, isTest: false }
  throw new Error(
    `the key in TAILOPS_RELEASE_KEY is not in src/lib/release-keys.ts: write ${key.publicKey} there first`,
  )
}

/** Made when it is first needed, so that one test release can update to the next. */
function testKeyIn(file: string): SigningKey {
  if (!existsSync(file)) {
    mkdirSync(resolve(file, '..'), { recursive: true })
    writeFileSync(file, newSecretKey(), { mode: 0o600 })
  }
  return readSigningKey(readFileSync(file, 'utf8'))
}

function newSecretKey(): string {
  const key = execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-outform', 'DER'])
  const der = execFileSync('openssl', ['pkey', '-inform', 'DER', '-pubout', '-outform', 'DER'], { input: key })
  const head = Buffer.concat([Buffer.from('Ed\0\0B2', 'latin1'), Buffer.alloc(48)])
  const whole = Buffer.concat([head, randomBytes(8), key.subarray(-32), der.subarray(-32), Buffer.alloc(32)])
  return `untrusted comment: a key to try releases with\n${whole.toString('base64')}\n`
}

/** Only what was a release is removed. */
function clear(out: string): void {
  if (existsSync(out) && readdirSync(out).length > 0) {
    if (!existsSync(join(out, 'manifest.json'))) throw new Error(`${out} is no release: name an empty folder`)
    rmSync(out, { recursive: true })
  }
  mkdirSync(out, { recursive: true })
}

/** Compiles for one target; the compressed executable stays, the executable itself goes. */
function build(target: string, { out, version, key, isTest }: Options): ReleaseFile {
  const folder = join(out, target)
  mkdirSync(folder)
  // The name of the file is compiled in: it is the same for all.
  const binary = join(folder, 'tailops')
  const defines = {
    TAILOPS_TARGET: target,
    TAILOPS_VERSION: version,
    ...(isTest && { TAILOPS_TEST_KEY: key.publicKey }),
  }
  const flags = Object.entries(defines).flatMap(([name, value]) => ['--define', `${name}=${JSON.stringify(value)}`])
  execFileSync('sh', ['.ci/build', '--force', 'src/main.ts', binary, `--target=${targets[target]}`, ...flags], {
    stdio: 'inherit',
  })
  const bytes = readFileSync(binary)
  const packed = gzipSync(bytes, { level: 9 })
  const name = `tailops-${target}.gz`
  writeFileSync(join(out, name), packed)
  rmSync(folder, { recursive: true })
  return {
    ...{ name, target, size: packed.length, sha256: sha256(packed) },
    ...{ binary_size: bytes.length, binary_sha256: sha256(bytes) },
  }
}

/** The scripts of the release, with the version and what it must hash to written into them; the second has the first's hash. */
function pinScripts({ out, version, key }: Options): readonly string[] {
  const pins: Record<string, string> = {
    release_version: version,
    release_url: projectUrl === '' ? '' : `${projectUrl}/releases/download`,
    release_sums: sha256(readFileSync(join(out, 'SHA256SUMS'))),
    release_key: key.publicKey,
  }
  const written: string[] = []
  for (const [source, name] of Object.entries({
    'install.sh': 'install.sh',
    'ct/tailops-gateway.sh': 'tailops-gateway.sh',
  })) {
    if (!existsSync(source)) continue
    const text = readFileSync(source, 'utf8')
    const pinned = text.replace(/^(release_\w+)=''/gm, (line, of: string) =>
      of in pins ? `${of}='${pins[of]}'` : line,
    )
    writeFileSync(join(out, name), pinned)
    chmodSync(join(out, name), 0o755)
    if (name === 'install.sh') pins['release_installer'] = sha256(pinned)
    written.push(name)
  }
  return written
}

/** `2026-11-21T12:00:00Z` */
function dateOfTree(): string {
  const seconds =
    process.env['SOURCE_DATE_EPOCH'] ?? execFileSync('git', ['log', '-1', '--format=%ct'], { encoding: 'utf8' })
  return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z')
}

function report({ out, version, key, isTest }: Options, names: readonly string[]): void {
  console.log(`tailops ${version} in ${out}, signed by ${key.publicKey}`)
  if (isTest) console.log('  a test key: no other build trusts it')
  for (const name of names) console.log(`  ${name}  ${readFileSync(join(out, name)).length} bytes`)
}

main()
