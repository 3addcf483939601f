import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Fetch, webSource } from '../../src/release/source.ts'
import { type Authority, openAuthority, type Service, serve } from '../support/https-server.ts'
import { writeRelease } from '../support/release.ts'

let authority: Authority
let service: Service
let fetchTrusting: Fetch
const folder = mkdtempSync(join(tmpdir(), 'tailops-source-'))
/** What the server does with a path that has an entry here. */
const answers = new Map<string, (response: ServerResponse) => void>()

beforeAll(async () => {
  authority = openAuthority()
  const ca = readFileSync(authority.ca, 'utf8')
  fetchTrusting = (url, init) => fetch(url, { ...init, tls: { ca } })
  writeRelease(folder, { version: '0.2.0', executable: 'x'.repeat(5000) })
  service = await serve(
    ({ url }, response) => {
      const special = answers.get(url)
      if (special !== undefined) return special(response)
      const found = /^\/releases\/(?:latest\/download|download\/(?:v0\.2\.0|beta))\/([\w.-]+)$/.exec(url)?.[1]
      response.writeHead(found === undefined ? 404 : 200).end(found && readFileSync(join(folder, found)))
    },
    authority.sign('localhost', ['DNS:localhost']),
  )
})

afterAll(async () => {
  await service.close()
  authority.remove()
  rmSync(folder, { recursive: true })
})

const name = 'tailops-0.2.0-linux-x64.gz'
const source = (more = {}) => webSource({ projectUrl: service.url, channel: 'stable', ...more }, fetchTrusting)
const redirect = (to: string) => (response: ServerResponse) => void response.writeHead(302, { location: to }).end()

describe('a release on the web', () => {
  test('the newest of a channel, and one by its version', async () => {
    const signed = readFileSync(join(folder, 'manifest.json'))
    for (const wanted of [{}, { channel: 'beta' }, { version: '0.2.0' }]) {
      const { content, signature } = await source(wanted).manifest()
      expect(Buffer.from(content).equals(signed)).toBe(true)
      expect(signature).toContain('trusted comment: tailops 0.2.0')
    }
    const packed = readFileSync(join(folder, name))
    expect(Buffer.from(await source().file(name, '0.2.0', packed.length)).equals(packed)).toBe(true)
  })

  test('a version that does not exist', async () => {
    const asked = source({ version: '9.9.9' }).manifest()
    await expect(asked).rejects.toMatchObject({ code: 'not_found', hint: 'is there such a version?' })
  })

  test('it may be elsewhere, but never without encryption, and not in a circle', async () => {
    const path = `/releases/download/v0.2.0/${name}`
    answers.set(path, redirect(`${service.url}/releases/download/beta/${name}`))
    expect((await source().file(name, '0.2.0', 10_000)).length).toBeGreaterThan(20)
    answers.set(path, redirect('http://localhost:1/x'))
    await expect(source().file(name, '0.2.0', 10_000)).rejects.toThrow('http://localhost:1/x is not https')
    answers.set(path, redirect(path))
    await expect(source().file(name, '0.2.0', 10_000)).rejects.toThrow('redirected more than 5 times')
    answers.clear()
  })

  test('a download that is cut off, too long, or answered by an error', async () => {
    const path = `/releases/download/v0.2.0/${name}`
    const file = (maxBytes = 100_000) => source().file(name, '0.2.0', maxBytes)
    await expect(file(10)).rejects.toThrow('is longer than 10 bytes')
    answers.set(path, (response) => {
      response.writeHead(200, { 'content-length': '4000' })
      response.write('half of it', () => response.destroy())
    })
    await expect(file()).rejects.toMatchObject({ code: 'unreachable' })
    answers.set(path, (response) => void response.writeHead(503).end())
    await expect(file()).rejects.toThrow('answered 503')
    answers.clear()
  })

  test('a server whose certificate is not trusted, and none at all', async () => {
    const stranger = webSource({ projectUrl: service.url, channel: 'stable' }, (url, init) => fetch(url, init))
    await expect(stranger.manifest()).rejects.toMatchObject({ code: 'unreachable' })
    const nobody = webSource({ projectUrl: 'https://localhost:1', channel: 'stable' }, fetchTrusting)
    await expect(nobody.manifest()).rejects.toThrow(
      'cannot get https://localhost:1/releases/latest/download/manifest.json',
    )
  })
})
