import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn, spawnSync } from 'node:child_process'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { binary, type Installed, install } from '../support/installed.ts'

let place: Installed
let port = 0
beforeAll(async () => {
  place = install()
  port = Number(new URL((await place.serve()).url).port)
})
afterAll(() => place.remove())

const health = (listen: string, ...args: readonly string[]) => {
  const { status, stdout } = spawnSync(binary, ['health', ...args], {
    env: { ...place.env, TAILOPS_LISTEN: listen },
    encoding: 'utf8',
  })
  return { status, stdout }
}

describe('tailops health', () => {
  test.each(['127.0.0.1', '0.0.0.0'])('finds the service that listens on %s ready', (host) => {
    const expected = { status: 0, stdout: `ready: http://127.0.0.1:${port}/readyz\n` }
    expect(health(`${host}:${port}`, '--wait', '5')).toEqual(expected)
  })

  test('says that nobody answers', async () => {
    const free = createServer()
    const unused = await portOf(free)
    await new Promise((closed) => free.close(closed))
    expect(health(`127.0.0.1:${unused}`)).toMatchObject({ status: 1, stdout: expect.stringMatching(/^no answer/) })
  })

  test.each([
    [503, 'not ready\n', 'not ready'],
    [503, 'busy', 'another program answers'],
    [200, '<html>', 'another program answers'],
    [302, 'ready\n', 'another program answers'],
  ])('an answer of %i %j is: %s', async (status, text, said) => {
    const server = createHttpServer((_, response) =>
      response.writeHead(status, { location: `http://127.0.0.1:${port}/readyz` }).end(text),
    )
    const listen = `127.0.0.1:${await portOf(server)}`
    expect(await healthBeside(listen)).toEqual({ status: 1, stdout: `${said}: http://${listen}/readyz\n` })
    await new Promise((closed) => server.close(closed))
  })

  test('never asks a proxy of the environment', async () => {
    let asked = 0
    const proxy = createHttpServer((_, response) => {
      asked++
      response.end('ready\n')
    })
    const url = `http://127.0.0.1:${await portOf(proxy)}`
    const names = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY', 'https_proxy', 'HTTPS_PROXY']
    const env = { ...Object.fromEntries(names.map((name) => [name, url])), NODE_USE_ENV_PROXY: '1' }
    expect(await healthBeside(`127.0.0.1:${port}`, env)).toMatchObject({ status: 0 })
    expect(await healthBeside('127.0.0.1:9', env)).toMatchObject({ status: 1 })
    expect(asked).toBe(0)
    await new Promise((closed) => proxy.close(closed))
  })

  test('wants whole seconds', () => {
    expect(health(`127.0.0.1:${port}`, '--wait', 'soon').status).toBe(2)
  })
})

/** The same while this process goes on answering. */
function healthBeside(listen: string, more: Record<string, string> = {}) {
  const env = { ...place.env, ...more, TAILOPS_LISTEN: listen }
  const child = spawn(binary, ['health'], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  let stdout = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  return new Promise<{ readonly status: number | null; readonly stdout: string }>((done) =>
    child.on('close', (status) => done({ status, stdout })),
  )
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
