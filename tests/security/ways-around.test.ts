import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { GatewayError } from '../../src/core/errors.ts'
import { isAction } from '../../src/core/tool.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { tools } from '../../src/tools/index.ts'
import { alice, type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'
import { hostileValues } from './hostile.ts'
import { type InjectionWorld, openInjectionWorld } from './injection-world.ts'

setDefaultTimeout(30_000)

/** How a call that must not go through is refused. */
const refusal = async (asking: Promise<unknown>) => {
  const end = await asking.then(() => undefined).catch((error: unknown) => GatewayError.from(error))
  if (end === undefined) throw new TypeError('it was not refused')
  return end
}

describe('around the arguments of tools', () => {
  let world: InjectionWorld
  beforeAll(async () => {
    world = await openInjectionWorld()
  })
  afterAll(() => world.stop())
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

describe('the approval of one change', () => {
  const opened: GatewayWorld[] = []
  afterEach(async () => {
    for (const world of opened.splice(0)) await world.stop()
  })

  /** How far the clock of the gateway is moved, and a change that was approved. */
  async function approved() {
    const moved = { ms: 0 }
    const clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + moved.ms) }
    const world = openGatewayWorld({ clock })
    opened.push(world)
    const file = join(world.dir, 'effects')
    const { approval } = z.object({ approval: z.string() }).parse(await world.ask('append_steps', { file, steps: 2 }))
    world.state.approvals.decide(approval, 'approved', 'test')
    const perform = () => world.ask('append_steps', { file, steps: 2 }, { approval })
    const effects = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
    return { moved, world, perform, effects }
  }

  test('does the change once, when five calls bring it at the same moment', async () => {
    const { perform, effects } = await approved()
    const ends = await Promise.allSettled(Array.from({ length: 5 }, perform))
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [GatewayError.from(end.reason).code] : []))
    expect(failures).toEqual(Array.from({ length: 4 }, () => 'approval_invalid'))
    expect(effects()).toEqual(['do 0', 'do 1'])
  })

  test.each([-3600_000, -365 * 86_400_000, 3600_000])(
    'counts no longer once the clock has moved by %d ms',
    async (ms) => {
      const { moved, world, perform, effects } = await approved()
      moved.ms = ms
      expect((await refusal(perform())).code).toBe('approval_invalid')
      moved.ms = 3600_000
      expect((await refusal(perform())).code).toBe('approval_invalid')
      moved.ms = 0
      expect((await refusal(perform())).code).toBe('approval_invalid')
      expect(effects()).toEqual([])
      expect(world.state.audit.verify()).toMatchObject({ ok: true })
    },
  )
})
