import { afterEach, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GatewayError } from '../../src/core/errors.ts'
import { randomId } from '../../src/lib/random-id.ts'
import { checkExport, signedExport } from '../../src/state/fleet-export.ts'
import { openIdentity } from '../../src/state/identity.ts'

const dirs: string[] = []
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

function place(): { readonly dir: string; readonly path: string } {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-identity-'))
  dirs.push(dir)
  return { dir, path: join(dir, 'identity.pem') }
}

const failure = (dir: string): GatewayError => {
  try {
    openIdentity(dir, randomId)
  } catch (error) {
    return GatewayError.from(error)
  }
  throw new Error('it was opened')
}

test('the key is made once, for its owner alone, and nothing else is left beside it', () => {
  const { dir, path } = place()
  const first = openIdentity(dir, randomId)
  expect(first.id).toMatch(/^gw-[2-9a-z]{8}$/)
  expect(openIdentity(dir, randomId)).toMatchObject({ id: first.id, publicKey: first.publicKey })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(dir)).toEqual(['identity.pem'])
})

test('two state directories are two gateways', () => {
  expect(openIdentity(place().dir, randomId).id).not.toBe(openIdentity(place().dir, randomId).id)
})

test.each([
  ['empty', ''],
  ['cut', '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQ'],
  ['something else', 'not a key\n'],
])('a key that is %s is an error, and stays as it is', (_, content) => {
  const { dir, path } = place()
  writeFileSync(path, content, { mode: 0o600 })
  expect(failure(dir)).toMatchObject({ code: 'state_unavailable', message: expect.stringContaining('is damaged') })
  expect(readFileSync(path, 'utf8')).toBe(content)
})

test('a key that others may read is an error that says what to do', () => {
  const { dir, path } = place()
  openIdentity(dir, randomId)
  chmodSync(path, 0o640)
  expect(failure(dir)).toMatchObject({
    code: 'state_unavailable',
    hint: expect.stringContaining(`chmod 600 ${path}`),
  })
})

const content = { gateway: { id: '', name: 'lab' }, exported_at: '2026-01-01T00:00:00.000Z', resources: [{ id: 'a' }] }

test('an export holds as it was signed, whatever the order of its keys', () => {
  const signer = openIdentity(place().dir, randomId)
  const signed = signedExport({ ...content, gateway: { id: signer.id, name: 'lab' } }, signer)
  const reordered = Object.fromEntries(Object.entries(Object(signed)).reverse())
  expect(checkExport(JSON.parse(JSON.stringify(reordered)))).toEqual({
    ok: true,
    id: signer.id,
    name: 'lab',
    at: content.exported_at,
  })
})

test.each([
  ['a changed resource', { resources: [{ id: 'b' }] }, 'changed'],
  ['something added', { more: 1 }, 'changed'],
  ['another signature', { signature: 'AAAA' }, 'changed'],
  ['another id', { gateway: { id: 'gw-22222222' } }, 'not that of'],
  ['no key', { public_key: '' }, 'no export'],
])('%s does not hold', (_, other, why) => {
  const signer = openIdentity(place().dir, randomId)
  const signed = signedExport({ ...content, gateway: { id: signer.id } }, signer)
  expect(checkExport({ ...Object(signed), ...other })).toMatchObject({ ok: false, why: expect.stringContaining(why) })
})

test('signed anew with another key it does not pass for the first gateway', () => {
  const [own, other] = [openIdentity(place().dir, randomId), openIdentity(place().dir, randomId)]
  const forged = signedExport({ ...content, gateway: { id: own.id } }, other)
  expect(checkExport(forged)).toMatchObject({ ok: false })
})
