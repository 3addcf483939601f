import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
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
    const silent = createServer().listen(0, '127.0.0.1')
    await new Promise((listening) => silent.once('listening', listening))
    const address = silent.address()
    const free = typeof address === 'object' && address !== null ? address.port : 0
    await new Promise((closed) => silent.close(closed))
    expect(health(`127.0.0.1:${free}`)).toMatchObject({ status: 1, stdout: expect.stringMatching(/^no answer/) })
  })

  test('wants whole seconds', () => {
    expect(health(`127.0.0.1:${port}`, '--wait', 'soon').status).toBe(2)
  })
})
