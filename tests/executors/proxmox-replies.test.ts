import { afterEach, describe, expect, test } from 'bun:test'
import { z } from 'zod'
import type { Executor } from '../../src/core/executor.ts'
import { post, type Request } from '../../src/core/operation.ts'
import { proxmoxData } from '../../src/core/proxmox-reply.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { roleWith } from '../../src/executors/proxmox-remedy.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { proxmoxAt } from '../support/pve/proxmox-target.ts'
import { type Recording, recordings } from '../support/pve/recordings.ts'
import { openReplay, type Replay, type Replayed } from '../support/pve/replay.ts'
import { limits } from './conformance.ts'

const open: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop()
})

const recording = (name: string): Recording => {
  const found = recordings.get(name)
  if (found === undefined) throw new Error(`no recording ${name}`)
  return found
}

interface World {
  readonly replay: Replay
  readonly executor: Executor
}

async function world(...replies: readonly Replayed[]): Promise<World> {
  const replay = await openReplay(replies)
  const executor = openProxmox('lab', proxmoxAt([replay.url]), systemClock)
  open.push({ stop: () => executor.close() }, replay)
  return { replay, executor }
}

const requestOf = ({ method, path, query }: Recording): Request => ({
  kind: 'request',
  // The recordings hold no other methods.
  method: method as Request['method'],
  path: query === '' ? path : `${path}?${query}`,
})

async function performed(name: string) {
  const { executor } = await world(recording(name))
  return executor.perform(requestOf(recording(name)), limits())
}

describe('an answer of Proxmox VE', () => {
  test('that is good is the body, data in its envelope', async () => {
    const outcome = await performed('version')
    expect(outcome).toMatchObject({ ok: true, status: 200, errorOutput: '' })
    expect(proxmoxData(outcome, z.object({ version: z.string() }), 'the version').version).toBe('9.2.11')
  })

  test('without a result is null, and good', async () => {
    const outcome = await performed('lxc-interfaces-stopped')
    expect(proxmoxData(outcome, z.null(), 'the addresses')).toBeNull()
  })

  test('closes or keeps the connection by its last word on it: both words are closed', async () => {
    const kept = ['Connection: close', 'Connection: Keep-Alive']
    const { replay, executor } = await world({ ...recording('version'), headers: kept })
    const read = requestOf(recording('version'))
    await executor.perform(read, limits())
    expect(await executor.perform(read, limits())).toMatchObject({ ok: true })
    expect(replay.connections.length).toBe(2)
  })

  test.each([
    ['err-500-not-running', 'CT 102 not running'],
    ['err-500-already-running', 'CT 101 already running'],
    ['err-501-not-implemented', "Method 'GET /nodes/pve1/nosuch' not implemented"],
    ['noquorum-ct-start', 'cluster not ready - no quorum?'],
  ])('that is an error (%s) is an outcome with its text', async (name, text) => {
    const { status } = recording(name)
    expect(await performed(name)).toMatchObject({ ok: false, status, errorOutput: text })
  })

  test('of a host older than 8.3 has its text in the reason phrase alone', async () => {
    const old = { ...recording('err-500-not-running'), body: { data: null } }
    const { executor } = await world(old)
    const outcome = await executor.perform(requestOf(recording('err-500-not-running')), limits())
    expect(outcome.errorOutput).toBe('CT 102 not running')
  })

  test('to wrong parameters names each and what is wrong with it', async () => {
    expect((await performed('err-400-missing')).errorOutput).toBe(
      'ostemplate: property is missing and it is not optional; vmid: property is missing and it is not optional',
    )
    expect((await performed('cluster-nextid-inuse')).errorOutput).toContain('vmid: VM 101 already exists')
  })

  test.each(['err-401-bad-token', 'err-401-no-ticket', 'err-401-unknown-token', 'err-401-malformed-token'])(
    'that refuses the token (%s) is asked for once, and says where to look',
    async (name) => {
      const { replay, executor } = await world(recording(name))
      await expect(executor.perform(requestOf(recording(name)), limits())).rejects.toMatchObject({
        code: 'credentials_rejected',
        message: `Proxmox rejects the token root@pam!tailops: ${recording(name).reason}`,
        hint: expect.stringContaining('pveum user token list root@pam'),
      })
      expect(replay.requests.length).toBe(1)
    },
  )

  test('that misses a privilege names it, and the line that grants it to token and user', async () => {
    const { errorOutput } = await performed('err-403-start-ro')
    expect(errorOutput.split('\n')).toEqual([
      'Permission check failed (/vms/102, VM.PowerMgmt)',
      "pveum acl modify /vms/102 --tokens 'root@pam!tailops' --roles PVEVMUser (with privilege separation the user needs it too: pveum acl modify /vms/102 --users 'root@pam' --roles PVEVMUser)",
    ])
  })

  test('that names no privilege is left as it is', async () => {
    expect((await performed('err-ticket-via-token')).errorOutput).not.toContain('pveum')
  })

  test.each([
    ['offline-err-595', 'node pve3 does not answer (595 Connection refused)'],
    ['offline-err-hang', 'node pve3 does not answer (596 Connection timed out)'],
  ])('about a node that is gone (%s) names the node', async (name, text) => {
    expect((await performed(name)).errorOutput).toBe(text)
  })

  test('that tells of a node which was given a write and fell silent is no answer', async () => {
    const write = { method: 'POST', path: '/nodes/pve3/lxc/101/status/stop', body: '' }
    const { executor } = await world(
      { ...write, status: 596, reason: 'Connection timed out' },
      { ...write, status: 595, reason: 'Connection refused' },
    )
    const stop = post(write.path)
    await expect(executor.perform(stop, limits())).rejects.toMatchObject({
      code: 'interrupted',
      message: 'node pve3 was given it and does not answer (596 Connection timed out)',
    })
    expect(await executor.perform(stop, limits())).toMatchObject({ ok: false, status: 595 })
  })

  test('about a node with a wrong certificate has the reason of the other node', async () => {
    const { errorOutput } = await performed('offline-err-596-wrong-cert')
    expect(errorOutput).toMatch(/^node pve\d does not answer \(596 .*certificate verify failed.*\)$/)
  })

  test('is cut at the limit, and says so', async () => {
    const { executor } = await world(recording('cluster-resources'))
    const read = requestOf(recording('cluster-resources'))
    expect(await executor.perform(read, limits({ maxOutputBytes: 100 }))).toMatchObject({ ok: true, truncated: true })
  })

  test('that is half is no answer', async () => {
    const { executor } = await world({ ...recording('cluster-resources'), cutAfter: 400 })
    await expect(executor.perform(requestOf(recording('cluster-resources')), limits())).rejects.toMatchObject({
      code: 'interrupted',
    })
  })

  test('of plain HTTP on 8006 asks for https', async () => {
    const headers = ['Location: https://pve1:8006/', 'Connection: close']
    const { executor } = await world({
      method: 'GET',
      path: '/version',
      status: 301,
      reason: 'Moved',
      body: '',
      headers,
    })
    await expect(executor.perform(requestOf(recording('version')), limits())).rejects.toMatchObject({
      code: 'unreachable',
      hint: 'write api_url with https://',
    })
  })

  test('of something else is not taken for one', async () => {
    const nginx = { method: 'GET', path: '/version', headers: ['Server: nginx', 'Connection: close'] }
    const good = await world({ ...nginx, status: 200, reason: 'OK', body: '<html>Welcome</html>' })
    await expect(good.executor.perform(requestOf(recording('version')), limits())).rejects.toMatchObject({
      code: 'unexpected_reply',
      message: expect.stringContaining('nginx'),
    })
    const bad = await world({ ...nginx, status: 404, reason: 'Not Found', body: '<html>404</html>' })
    expect((await bad.executor.perform(requestOf(recording('version')), limits())).errorOutput).toBe(
      '404 Not Found: it answers as nginx, not as a Proxmox VE API',
    )
  })
})

describe('a request to Proxmox VE', () => {
  test('carries the token, and no cookie', async () => {
    const { replay, executor } = await world(recording('version'))
    await executor.perform(requestOf(recording('version')), limits())
    const token = 'PVEAPIToken=root@pam!tailops=11111111-2222-4333-8444-555555555555'
    expect(replay.heads[0]?.toLowerCase()).toContain(`authorization: ${token}`.toLowerCase())
    expect(replay.heads[0]?.toLowerCase()).not.toContain('cookie')
  })

  test('sends parameters of a DELETE in the query, never in a body', async () => {
    const { replay, executor } = await world()
    const path = '/nodes/pve1/lxc/104'
    const body = { purge: true, force: undefined, 'destroy-unreferenced-disks': false }
    await executor.perform({ kind: 'request', method: 'DELETE', path, body }, limits())
    expect(replay.requests).toEqual([`DELETE ${path}?purge=1&destroy-unreferenced-disks=0`])
    expect(replay.heads[0]).not.toMatch(/^content-type|^transfer-encoding/im)
  })

  test('sends parameters of a PUT as JSON with 1 and 0, and leaves out what is undefined', async () => {
    const { replay, executor } = await world()
    const body = { onboot: true, protection: false, memory: 512, tags: 'a;b', delete: undefined }
    await executor.perform({ kind: 'request', method: 'PUT', path: '/nodes/pve1/lxc/101/config', body }, limits())
    expect(JSON.parse(replay.bodies[0] ?? '')).toEqual({ onboot: 1, protection: 0, memory: 512, tags: 'a;b' })
  })

  test('without a token is not sent', async () => {
    const { replay } = await world()
    const executor = openProxmox('lab', proxmoxAt([replay.url], { tokenId: undefined }), systemClock)
    await expect(executor.perform(requestOf(recording('version')), limits())).rejects.toMatchObject({
      code: 'credentials_rejected',
    })
    expect(replay.requests).toEqual([])
  })
})

describe('the role that is proposed', () => {
  const roles = z
    .object({ data: z.array(z.object({ roleid: z.string(), special: z.coerce.number(), privs: z.string() })) })
    .parse(recording('access-roles').body)
    .data.filter(({ special }) => special === 1)
    .map(({ roleid, privs }) => ({ roleid, privileges: privs.split(',') }))

  const holding = (privilege: string) => roles.filter(({ privileges }) => privileges.includes(privilege))
  const all = roles.find(({ roleid }) => roleid === 'Administrator')?.privileges ?? []

  test.each(all)('for %s holds it, and is the smallest built-in one', (privilege) => {
    const proposed = holding(privilege).find(({ roleid }) => roleid === roleWith(privilege))
    // PVESysAdmin is smaller, but it opens a shell on the node; the auditor only reads.
    const usual = holding(privilege).filter(({ roleid }) => privilege !== 'Sys.Audit' || roleid !== 'PVESysAdmin')
    expect(proposed?.privileges.length).toBe(Math.min(...usual.map(({ privileges }) => privileges.length)))
  })
})
