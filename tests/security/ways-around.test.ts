import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../../src/core/errors.ts'
import { isAction } from '../../src/core/tool.ts'
import { tools } from '../../src/tools/index.ts'
import { alice } from '../support/gateway-world.ts'
import { hostileValues } from './hostile.ts'
import { type InjectionWorld, openInjectionWorld } from './injection-world.ts'

setDefaultTimeout(30_000)

describe('around the arguments of tools', () => {
  let world: InjectionWorld
  beforeAll(async () => {
    world = await openInjectionWorld()
  })
  afterAll(() => world.stop())
  const refusal = async (asking: Promise<unknown>) => {
    const end = await asking.then(() => undefined).catch((error: unknown) => GatewayError.from(error))
    if (end === undefined) throw new TypeError('it was not refused')
    return end
  }

  test('targets, cluster, approval and request id take no hostile value for a known one', async () => {
    const values = hostileValues({ marker: 'tailops-injected-never', secretFile: world.secretFile, root: world.root })
    for (const value of values) {
      if (value === '*') continue // every target, as it says
      for (const more of [{ targets: [value] }, { targets: ['local', value] }]) {
        const { code, hint } = await refusal(world.ask('get_network_status', {}, more))
        expect([value.slice(0, 99), code, hint !== undefined]).toEqual([value.slice(0, 99), 'unknown_target', true])
      }
      const guest = await refusal(world.ask('proxmox_delete_guest', { guest: 'db' }, { cluster: value }))
      expect(['unknown_target', 'invalid_input']).toContain(guest.code)
    }
    expect(world.standIn.requests.filter((request) => !request.startsWith('GET '))).toEqual([])
  })

  test('a caller who may only read changes nothing by any tool', async () => {
    const reader = { ...alice, scopes: alice.scopes.filter((scope) => scope.endsWith(':read')) }
    const inputs: Readonly<Record<string, unknown>>[] = [
      { guest: 'db' },
      { guest: 'db', action: 'start' },
      { guest: 'app', argv: ['true'] },
      { argv: ['echo', 'x'] },
      { endpoint: 'note', parameters: { text: 'x' } },
      { path: join(world.root, 'new'), content: 'x', create: true },
    ]
    for (const tool of tools.filter(isAction))
      for (const input of inputs) {
        const { code } = await refusal(world.ask(tool.name, { ...input }, { caller: reader }))
        expect(['denied', 'invalid_input', 'unknown_target']).toContain(code)
      }
    expect(world.standIn.requests.filter((request) => !request.startsWith('GET '))).toEqual([])
    expect(world.heard.filter((request) => request.startsWith('POST'))).toEqual([])
    expect(readdirSync(world.root).sort()).toEqual(['link', 'plain.log'])
  })

  test('no argument of a named request gives it another method', async () => {
    for (const name of ['method', '_method', 'X-HTTP-Method-Override', 'httpMethod', 'path', 'url'])
      for (const place of [
        { parameters: { id: '7', [name]: 'DELETE' } },
        { parameters: { id: '7' }, [name]: 'DELETE' },
      ])
        expect(
          (await refusal(world.ask('call_http_endpoint', { endpoint: 'item', ...place }, { targets: ['web'] }))).code,
        ).toBe('invalid_input')
    const smuggled = { id: '7?_method=DELETE', q: 'a&_method=DELETE' }
    await world.ask('call_http_endpoint', { endpoint: 'item', parameters: smuggled }, { targets: ['web'] })
    expect(world.heard.at(-1)).toBe('GET /api/items/7%3F_method%3DDELETE?q=a%26_method%3DDELETE')
  })

  test('no configuration gives a guest the files or the rights of its node', async () => {
    const keys = [
      'args',
      'hookscript',
      'unprivileged',
      'mp0',
      'rootfs',
      'lxc.mount.entry',
      'lxc.apparmor.profile',
      'lock',
      'env',
    ]
    for (const key of keys)
      for (const input of [{ set: { [key]: '/etc,mp=/host' } }, { remove: [key] }])
        expect(
          (await refusal(world.ask('proxmox_configure_guest', { guest: 'db', ...input }, { dryRun: true }))).code,
        ).toBe('invalid_input')
    const created = await world.ask('proxmox_create_container', {
      hostname: 'fresh',
      template: 'debian-13',
      storage: 'ceph',
      node: 'pve1',
      start: false,
    })
    expect(created).toMatchObject({ status: 'done' })
    const fresh = world.standIn
      .cluster('home')
      .world.guests()
      .find(({ name }) => name === 'fresh')
    expect(String(fresh?.config['unprivileged'])).toMatch(/^(1|true)$/)
  })
})
