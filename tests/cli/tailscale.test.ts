import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { TailscaleState } from '../support/tailscale-state.ts'
import { TailscaleWorld } from '../support/tailscale-world.ts'

setDefaultTimeout(60_000)

const ours = { services: { 'svc:tailops': 'http://127.0.0.1:8080' }, advertised: ['svc:tailops'] }
const serve = 'serve --service=svc:tailops --https=443 http://127.0.0.1:8080'

describe('setup', () => {
  test('serves the service, and tells its URL, what is left to do and the policy', async () => {
    using world = new TailscaleWorld()
    expect(await world.run('setup')).toBe(0)
    expect(world.changes()).toEqual([serve])
    expect(world.out).toContain(
      'svc:tailops is served: https://tailops.tail1234.ts.net (100.100.7.1, fd7a:115c:a1e0::701) → http://127.0.0.1:8080',
    )
    expect(world.out).toContain('refused until TAILOPS_BASE_URL=https://tailops.tail1234.ts.net is set')
    expect(world.out).toContain('"autoApprovers": { "services": { "svc:tailops": ["tag:tailops"] } }')
    expect(world.err).toBe('')
  })

  test('a second time changes nothing', async () => {
    using world = new TailscaleWorld(ours)
    world.env = { TAILOPS_BASE_URL: 'https://tailops.tail1234.ts.net' }
    expect(await world.run('setup')).toBe(0)
    expect(world.changes()).toEqual([])
    expect(world.out).not.toContain('TAILOPS_BASE_URL')
  })

  test('goes by the name that is asked for, the address that the gateway listens on, and the tag of the machine', async () => {
    using world = new TailscaleWorld({ tags: ['tag:infra'] })
    world.env = { TAILOPS_LISTEN: '[::]:9000' }
    expect(await world.run('setup', '--service=svc:ops')).toBe(0)
    expect(world.changes()).toEqual(['serve --service=svc:ops --https=443 http://[::1]:9000'])
    expect(world.out).toContain('the gateway listens on ::: it can be reached past Tailscale')
    expect(world.out).toContain('"svc:ops": ["tag:infra"]')
  })

  test('takes connections again after a drain', async () => {
    using world = new TailscaleWorld({ ...ours, advertised: [] })
    expect(await world.run('setup')).toBe(0)
    expect(world.changes()).toEqual([serve])
  })

  test('waits for the approval, says where to give it, and goes on when it is given', async () => {
    using world = new TailscaleWorld({ approveAfter: 3 })
    expect(await world.run('setup')).toBe(0)
    expect(world.err).toContain('approve gw at https://login.tailscale.com/admin/services, under svc:tailops')
    expect(world.out).toContain('svc:tailops is served')
  })

  test('an approval that does not come in time leaves the service configured', async () => {
    using world = new TailscaleWorld({ approveAfter: -1 })
    expect(await world.run('setup', '--wait=0')).toBe(1)
    expect(world.out).toContain('waits for approval')
    expect(world.err).toContain('not_approved: ')
    world.set({ approveAfter: 0 })
    expect(await world.run('status')).toBe(0)
  })

  test('with --json prints one object', async () => {
    using world = new TailscaleWorld()
    expect(await world.json('setup')).toMatchObject({
      service: 'svc:tailops',
      state: 'serving',
      url: 'https://tailops.tail1234.ts.net',
      target: 'http://127.0.0.1:8080',
      addresses: ['100.100.7.1', 'fd7a:115c:a1e0::701'],
      obstacles: [],
      policy: expect.stringContaining('"tagOwners"'),
    })
  })
})

describe('what stands in the way is named, with its own next step, and nothing is changed', () => {
  const cases: readonly (readonly [string, Partial<TailscaleState>, string, string])[] = [
    ['tailscaled does not run', { running: false }, 'not_running', 'systemctl enable --now tailscaled'],
    ['logged out', { backend: 'NeedsLogin' }, 'logged_out', 'tailscale up --advertise-tags=tag:tailops'],
    [
      'a login that waits for a person',
      { backend: 'NeedsLogin', authUrl: 'https://login.tailscale.com/a/1' },
      'logged_out',
      'open https://login.tailscale.com/a/1, or',
    ],
    ['switched off', { backend: 'Stopped' }, 'stopped', 'tailscale up'],
    ['a machine that waits for approval', { backend: 'NeedsMachineAuth' }, 'machine_not_approved', 'admin/machines'],
    ['still starting', { backend: 'Starting' }, 'not_ready', 'tailscale wait'],
    ['a program without services', { program: '1.84.2' }, 'too_old', 'tailscale update'],
    ['a daemon without services', { daemon: '1.84.2' }, 'too_old', 'systemctl restart tailscaled'],
    ['no tag', { tags: [] }, 'not_tagged', 'tailscale up --advertise-tags=tag:tailops'],
    ['no MagicDNS', { magicDns: false }, 'no_magic_dns', 'https://login.tailscale.com/admin/dns'],
    ['no HTTPS', { https: false }, 'no_https', 'https://login.tailscale.com/admin/dns'],
    [
      'a service that goes elsewhere',
      { services: { 'svc:tailops': 'http://127.0.0.1:3000' }, advertised: ['svc:tailops'] },
      'occupied',
      'tailops tailscale clear --service=svc:tailops',
    ],
  ]
  test.each(cases)('%s', async (_, state, code, hint) => {
    using world = new TailscaleWorld(state)
    expect(await world.run('setup')).toBe(1)
    expect(world.err).toContain(`tailops tailscale: ${code}: `)
    expect(world.err).toContain(hint)
    expect(world.changes()).toEqual([])
    expect(await world.run('status')).toBe(1)
    expect(world.err).toContain(`${code}: `)
  })

  test('no tailscale', async () => {
    using world = new TailscaleWorld()
    world.uninstall()
    expect(await world.run('setup')).toBe(1)
    expect(world.err).toContain('not_installed: there is no program tailscale')
    expect(world.out).toContain('svc:tailops: not measured')
    expect(await world.run('drain')).toBe(1)
  })

  test('everything that is missing is told at once', async () => {
    using world = new TailscaleWorld({ tags: [], https: false, magicDns: false })
    const { obstacles } = await world.json('setup')
    expect(obstacles).toMatchObject([{ code: 'not_tagged' }, { code: 'no_magic_dns' }, { code: 'no_https' }])
  })

  test('userspace networking is told and keeps nothing from being served', async () => {
    using world = new TailscaleWorld({ tun: false })
    expect(await world.run('setup')).toBe(0)
    expect(world.out).toContain('userspace networking')
  })

  test('an administrator of the machine is needed', async () => {
    using world = new TailscaleWorld({ refused: true })
    expect(await world.run('setup')).toBe(1)
    expect(world.err).toContain('no_permission: tailscale refuses this user: Access denied: serve config denied')
    expect(world.err).toContain('tailscale set --operator=USER')
  })

  test('a program that waits for a person to switch HTTPS on is ended, and the page is told', async () => {
    using world = new TailscaleWorld({ consent: true })
    expect(await world.run('setup')).toBe(1)
    expect(world.err).toContain('no_https: ')
    expect(world.err).toContain('switch them on: https://login.tailscale.com/f/serve?node=n123')
    expect(world.state().services).toBeUndefined()
  })

  test('a program that ends with 0 and did nothing is not believed', async () => {
    using world = new TailscaleWorld({ lies: true })
    expect(await world.run('setup')).toBe(1)
    expect(world.err).toContain('ended well, but did not do it')
  })
})

describe('status', () => {
  test('of a service that is not configured, served, drained', async () => {
    using world = new TailscaleWorld()
    expect(await world.run('status')).toBe(1)
    expect(world.out).toBe('svc:tailops is not configured on this machine; tailops tailscale setup does it\n')
    world.set(ours)
    expect(await world.run('status')).toBe(0)
    world.set({ advertised: [] })
    expect(await world.run('status')).toBe(1)
    expect(world.out).toContain('svc:tailops is drained')
  })

  test('tells what an older program cannot tell', async () => {
    using world = new TailscaleWorld({ ...ours, getConfig: false })
    expect(await world.run('status')).toBe(0)
    expect(world.out).toContain('whether the service is drained on this machine: not measured')
  })
})

describe('drain and clear', () => {
  test('drain takes no new connections and leaves the configuration', async () => {
    using world = new TailscaleWorld(ours)
    expect(await world.run('drain')).toBe(0)
    expect(world.changes()).toEqual(['serve drain svc:tailops'])
    expect(world.out).toContain('is drained')
    expect(world.state().services).toEqual(ours.services)
  })

  test('whether an older program drained is not measured', async () => {
    using world = new TailscaleWorld({ ...ours, getConfig: false })
    expect(await world.run('drain')).toBe(0)
    expect(world.changes()).toEqual(['serve drain svc:tailops'])
    expect(world.out).toStartWith('svc:tailops: not measured\n')
    expect(world.out).not.toContain('is served')
  })

  test('clear removes the service and no other', async () => {
    using world = new TailscaleWorld({ ...ours, services: { ...ours.services, 'svc:web': 'http://127.0.0.1:3000' } })
    expect(await world.run('clear')).toBe(0)
    expect(world.changes()).toEqual(['serve clear svc:tailops'])
    expect(world.state().services).toEqual({ 'svc:web': 'http://127.0.0.1:3000' })
  })

  test('where nothing is configured there is nothing to do', async () => {
    using world = new TailscaleWorld()
    expect(await world.run('drain')).toBe(0)
    expect(await world.run('clear')).toBe(0)
    world.set({ https: false })
    expect(await world.run('clear')).toBe(0)
    expect(world.changes()).toEqual([])
    world.set({ running: false })
    expect(await world.run('clear')).toBe(1)
    expect(world.err).toContain('not_running')
  })

  test('a user who may not is told so', async () => {
    using world = new TailscaleWorld({ ...ours, refused: true })
    expect(await world.run('drain')).toBe(1)
    expect(world.err).toContain('no_permission')
    expect(world.state().advertised).toEqual(['svc:tailops'])
  })
})

test('wrong usage is 2, wrong settings are invalid_config, and nothing is run', async () => {
  using world = new TailscaleWorld()
  for (const argv of [
    [],
    ['up'],
    ['toString'],
    ['setup', '--service=svc:Bad_Name'],
    ['setup', '--wait=x'],
    ['drain', '--wait=1'],
  ]) {
    expect(await world.run(...argv)).toBe(2)
    expect(world.err).toContain('Exit codes')
  }
  world.env = { TAILOPS_LISTEN: 'nowhere' }
  await expect(world.run('setup')).rejects.toMatchObject({ code: 'invalid_config' })
  expect(world.changes()).toEqual([])
})
