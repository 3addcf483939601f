import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type InstallMachine, startInstallMachine } from '../support/installer.ts'
import { canStartMachines } from '../support/machine.ts'

setDefaultTimeout(120_000)

const script = readFileSync(join(import.meta.dirname, '../../install.sh'), 'utf8')
const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const keyId = Buffer.from('12345678')

/** A key pair, as minisign writes the public half, and its signature of a file. */
function minisign() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return {
    publicKey: Buffer.concat([Buffer.from('Ed'), keyId, raw]).toString('base64'),
    sign(content: string): string {
      const digest = createHash('blake2b512').update(content).digest()
      const line = Buffer.concat([Buffer.from('ED'), keyId, sign(null, digest, privateKey)]).toString('base64')
      return `untrusted comment: x\n${line}\ntrusted comment: y\n${'A'.repeat(86)}==\n`
    },
  }
}

/** install.sh as a release writes it. */
const released = (pins: Readonly<Record<string, string>>): string =>
  Object.entries(pins).reduce((text, [name, value]) => text.replace(`${name}=''`, `${name}='${value}'`), script)

describe.each([
  ['dash', ['dash']],
  ['BusyBox', ['busybox', 'sh']],
] as const)('the signature of SHA256SUMS, by OpenSSL in %s', (_, [shell, ...args]) => {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-signature-'))
  afterAll(() => rmSync(dir, { recursive: true }))
  const ours = minisign()
  const theirs = minisign()

  test.each([
    ['good', 'sums\n', ours.sign('sums\n'), 0],
    ['of another file', 'sums\n', ours.sign('other\n'), 4],
    ['by another key', 'sums\n', theirs.sign('sums\n'), 4],
    ['of another kind', 'sums\n', ours.sign('sums\n').replace('\nRU', '\nRW'), 4],
    ['cut off', 'sums\n', ours.sign('sums\n').slice(0, 60), 4],
    ['empty', 'sums\n', '', 4],
  ])('%s', (_name, sums, signature, code) => {
    writeFileSync(join(dir, 'SHA256SUMS'), sums)
    writeFileSync(join(dir, 'SHA256SUMS.minisig'), signature)
    const functions = released({ release_key: ours.publicKey }).replace(/\n\{ main "\$@"; \}\n$/, '\n')
    const text = `${functions}\nrun=$1\ncommand() { [ "$2" != minisign ]; }\ncheck_signature`
    const { status, stderr } = spawnSync(shell, [...args, '-c', text, 'sh', dir], { encoding: 'utf8' })
    expect(status, stderr).toBe(code)
  })
})

describe.skipIf(!canStartMachines)('install.sh of a release', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-download-'))
  const key = minisign()
  const name = `tailops-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}.gz`
  let machine: InstallMachine
  let server: ChildProcess

  /** Puts a file that it calls a version of tailops on the server; returns its signed checksums. */
  function publish(version: string, program: string | Buffer, signer = key): string {
    const packed = gzipSync(program)
    const sums = `${sha256(packed)}  ${name}\n`
    mkdirSync(join(dir, version))
    writeFileSync(join(dir, version, name), packed)
    writeFileSync(join(dir, version, 'SHA256SUMS'), sums)
    writeFileSync(join(dir, version, 'SHA256SUMS.minisig'), signer.sign(sums))
    return sums
  }

  /** The checksums of version 0.0.9. */
  let sums = ''

  beforeAll(async () => {
    machine = await startInstallMachine()
    const old = readFileSync(join(machine.root, 'opt/t/old'))
    sums = publish('v0.0.9', old)
    publish('v0.0.8', old)
    publish('v0.0.7', old, minisign())
    publish('v0.0.6', old.toString().replace('0.0.9', '0.0.6'))
    for (const [program, as] of Object.entries({ busybox: 'wget', openssl: 'openssl' })) {
      const path = execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
      cpSync(path, join(machine.root, 'usr/bin', as))
    }
    const busybox = ['busybox', 'httpd', '-f', '-p', '127.0.0.1:9000', '-h', dir]
    server = spawn('nsenter', ['-t', machine.init, '-n', '--', ...busybox], { stdio: 'ignore' })
    const served = 'wget -q -O /dev/null http://127.0.0.1:9000/v0.0.9/SHA256SUMS 2>/dev/null'
    await machine.around(`until ${served}; do sleep .1; done`)
  }, 240_000)
  afterAll(async () => {
    server.kill()
    await machine.stop()
    rmSync(dir, { recursive: true })
  }, 30_000)

  const run = async (pins: Readonly<Record<string, string>>, args = '') => {
    const url = 'http://127.0.0.1:9000'
    machine.writeFile('/opt/t/released.sh', released({ release_url: url, release_version: '0.0.9', ...pins }))
    const ended = await machine.around(`cat /opt/t/released.sh | sh -s -- ${args}`)
    machine.run('rm', '/opt/t/released.sh')
    return ended
  }

  const withKey = { release_key: key.publicKey }

  test.each([
    ['checksums that are not those it was released with', { release_sums: sha256('other') }, '', 4, 'not those that'],
    ['to download but by https', { release_url: 'http://tailops.invalid' }, '', 2, 'only https'],
    ['another version without a key', {}, '--version 0.0.8', 4, 'no key'],
    [
      'another version that another key has signed',
      withKey,
      '--version 0.0.7',
      4,
      'signature of SHA256SUMS is not good',
    ],
    ['another version that is not what it says', withKey, '--version 0.0.8', 4, 'files are of version 0.0.9'],
    ['a version that is not there', withKey, '--version 0.0.5', 1, 'cannot download'],
  ])('refuses %s', async (_, pins, args, code, says) => {
    expect(await run(pins, args)).toMatchObject({ code, text: expect.stringContaining(says) })
    expect(await machine.listing()).toBe(machine.fresh)
  })

  test('refuses a file that is not what the checksums say', async () => {
    mkdirSync(join(dir, 'bad/v0.0.9'), { recursive: true })
    writeFileSync(join(dir, 'bad/v0.0.9', name), gzipSync('#!/bin/sh\necho evil\n'))
    writeFileSync(join(dir, 'bad/v0.0.9/SHA256SUMS'), sums)
    const { code, text } = await run({ release_url: 'http://127.0.0.1:9000/bad', release_sums: sha256(sums) })
    expect({ code, text }).toEqual({ code: 4, text: expect.stringContaining('is wrong') })
    expect(await machine.listing()).toBe(machine.fresh)
  })

  test('piped into a shell it installs its version, or another one that its key has signed', async () => {
    const { code, text, token } = await run({ release_sums: sha256(sums) })
    expect({ code, text, token }).toEqual({
      code: 0,
      text: expect.stringContaining('0.0.9 is installed'),
      token: expect.any(String),
    })
    expect(await run(withKey, '--version 0.0.6')).toMatchObject({
      code: 0,
      text: expect.stringContaining('0.0.6 is in the place of 0.0.9'),
    })
    expect(await machine.isReady()).toBe(true)
  })
})
