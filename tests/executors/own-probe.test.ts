import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { get } from '../../src/core/operation.ts'
import { openLocal } from '../../src/executors/local.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Authority, openAuthority, type Service, serve } from '../support/https-server.ts'
import { freePort, type Sshd, startSshd } from '../support/sshd.ts'

setDefaultTimeout(30_000)

let sshd: Sshd
let closedSshd: Sshd
let authority: Authority
let web: Service
beforeAll(async () => {
  sshd = await startSshd()
  closedSshd = await startSshd(['AllowTcpForwarding no'])
  authority = openAuthority()
  web = await serve((_, response) => response.end('hello'), authority.sign('good', ['DNS:localhost']))
})
afterAll(async () => {
  await web.close()
  authority.remove()
  await sshd.stop()
  await closedSshd.stop()
})

const limits = (timeoutMs = 10_000) => ({ signal: new AbortController().signal, timeoutMs, maxOutputBytes: 100_000 })

/** A machine behind this server, whose own connections the probe uses. */
function machine(server: Sshd) {
  const connection = server.connection()
  const pins = { get: () => undefined, set: () => undefined }
  const links = openSshLinks({ clock: systemClock, pins, agentSocket: undefined, connectionOf: () => connection })
  return openSsh({ id: 'web', connection, links, scripts: {}, clock: systemClock })
}

const here = openLocal({ stepsDir: '/nonexistent', scripts: {}, env: {}, uid: 0, clock: systemClock })
const tls = (port: number) => get(`probe:tls?address=127.0.0.1&port=${port}&name=localhost`)
const http = (port: number) =>
  get(`probe:http?address=127.0.0.1&port=${port}&name=localhost&host=localhost&path=/x&secure=1`)

test('a handshake and a request from here, and through a machine, see the same', async () => {
  const behind = machine(sshd)
  for (const executor of [here, behind]) {
    const seen = JSON.parse((await executor.perform(tls(web.port), limits())).output)
    expect(seen.certificate).toMatchObject({ subject: 'CN=good', names: ['localhost'], is_for_name: true })
    const answer = JSON.parse((await executor.perform(http(web.port), limits())).output)
    expect(answer.response).toMatchObject({ status: 200, bytes: 5 })
  }
  expect(web.seen.map(({ url }) => url)).toEqual(['/x', '/x'])
  await behind.close()
})

test('a port on which nobody listens is said, from here and through a machine', async () => {
  const behind = machine(sshd)
  const port = await freePort()
  for (const executor of [here, behind])
    expect(JSON.parse((await executor.perform(tls(port), limits())).output).said).toMatch(/refused|no connection/i)
  await behind.close()
})

test('a machine whose sshd forwards nothing says so', async () => {
  const behind = machine(closedSshd)
  await expect(behind.perform(tls(web.port), limits())).rejects.toMatchObject({
    code: 'unsupported_target',
    message: expect.stringContaining('AllowTcpForwarding'),
  })
  await behind.close()
})

test('a peer that says nothing is given up at the limit of time', async () => {
  const silent = await serve(() => undefined)
  const asking = here.perform(
    get(`probe:http?address=127.0.0.1&port=${silent.port}&name=x&path=/&secure=0`),
    limits(300),
  )
  await expect(asking).rejects.toMatchObject({ code: 'timeout' })
  await silent.close()
})
