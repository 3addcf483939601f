import { describe, expect, test } from 'bun:test'
import { defaultConfigPath, defaultStateDir, readSettings } from '../../src/config/settings.ts'

const whats = (env: Readonly<Record<string, string>>) =>
  readSettings(env).problems.map(({ severity, file, what, hint }) => `${severity} ${file}: ${what} — ${hint}`)

describe('settings', () => {
  test('an empty environment gives loopback, tokens and TOON, without a word', () => {
    const { settings, problems, deprecations } = readSettings({})
    expect(settings).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      logLevel: 'info',
      auth: { mode: 'token', tokens: {} },
      operationMode: 'local',
      output: 'toon',
    })
    expect([...problems, ...deprecations]).toEqual([])
  })

  test('addresses to listen on', () => {
    const listen = (text: string) => readSettings({ TAILOPS_LISTEN: text }).settings.listen
    expect(listen('0.0.0.0:9000')).toEqual({ host: '0.0.0.0', port: 9000 })
    expect(listen('[::1]:0')).toEqual({ host: '::1', port: 0 })
    expect(listen('9000')).toEqual({ host: '127.0.0.1', port: 9000 })
    expect(listen(':9000')).toEqual({ host: '127.0.0.1', port: 9000 })
    for (const bad of ['::1:80', 'a:b', 'h:70000', '[x]:1', '']) {
      expect(whats({ TAILOPS_LISTEN: bad })).toHaveLength(bad === '' ? 0 : 1)
    }
  })

  test('wrong values are errors that name the variable and the next step', () => {
    expect(whats({ TAILOPS_AUTH_MODE: 'ldap' })[0]).toContain('TAILOPS_AUTH_MODE: "ldap" is no way to authenticate')
    expect(whats({ TAILOPS_OUTPUT: 'tooon' })[0]).toContain('did you mean toon?')
    expect(whats({ TAILOPS_LOG_LEVEL: 'loud' })[0]).toContain('use one of debug, info, warn, error')
    expect(whats({ TAILOPS_STATE_DIR: 'state' })[0]).toContain('no absolute path')
    expect(whats({ TAILOPS_BASE_URL: 'https://u:secret@h/' })[0]).not.toContain('secret')
    expect(whats({ TAILOPS_LISTN: '1' })).toEqual([
      'warning environment variable TAILOPS_LISTN: is not known — did you mean TAILOPS_LISTEN?',
    ])
  })

  test('old names work, each reported once; the new name wins', () => {
    const { settings, deprecations } = readSettings({
      SYSTEMMANAGER_TARGETS_CONFIG: '/old.yaml',
      SYSTEMMANAGER_AUTH_MODE: 'none',
      SYSTEMMANAGER_BASE_URL: 'http://old:8080/',
      TAILOPS_BASE_URL: 'http://new:8080/',
      SYSTEMMANAGER_OPERATION_MODE: 'gateway',
      SYSTEMMANAGER_SHARED_SECRET: 'hush',
      SYSTEMMANAGER_PORT: '8090',
      SYSTEMMANAGER_POLICY_MODE: 'strict',
      LOG_LEVEL: 'WARNING',
    })
    expect(settings).toMatchObject({
      config: '/old.yaml',
      auth: { mode: 'none' },
      baseUrl: 'http://new:8080',
      operationMode: 'gateway',
      listen: { port: 8090 },
      logLevel: 'warn',
    })
    expect(deprecations).toEqual([
      'SYSTEMMANAGER_AUTH_MODE is deprecated: use TAILOPS_AUTH_MODE',
      'SYSTEMMANAGER_BASE_URL is deprecated: use TAILOPS_BASE_URL',
      'SYSTEMMANAGER_OPERATION_MODE is deprecated: use TAILOPS_OPERATION_MODE',
      'SYSTEMMANAGER_POLICY_MODE has no effect: remove it',
      'SYSTEMMANAGER_PORT is deprecated: use TAILOPS_LISTEN',
      'SYSTEMMANAGER_SHARED_SECRET is deprecated: tokens signed with it are accepted until they expire; make new ones with tailops token mint',
      'SYSTEMMANAGER_TARGETS_CONFIG is deprecated: use TAILOPS_CONFIG',
    ])
  })

  test('SYSTEMMANAGER_REQUIRE_AUTH never weakens: false changes nothing, true forbids none', () => {
    expect(readSettings({ SYSTEMMANAGER_REQUIRE_AUTH: 'false' }).settings.auth.mode).toBe('token')
    const both = readSettings({ SYSTEMMANAGER_REQUIRE_AUTH: 'true', TAILOPS_AUTH_MODE: 'none' })
    expect(both.settings.auth.mode).toBe('token')
    expect(both.problems).toHaveLength(1)
  })

  test('the token does not show', () => {
    expect(JSON.stringify(readSettings({ TAILOPS_TOKEN: 'hush' }))).not.toContain('hush')
  })
})

describe('default places', () => {
  const user = { uid: 1000, home: '/home/op', exists: () => false }

  test('of the configuration', () => {
    expect(defaultConfigPath({ TAILOPS_CONFIG: '/x.yaml' }, user)).toBe('/x.yaml')
    expect(defaultConfigPath({}, user)).toBe('/home/op/.config/tailops/targets.yaml')
    expect(defaultConfigPath({ XDG_CONFIG_HOME: '/cfg' }, user)).toBe('/cfg/tailops/targets.yaml')
    expect(defaultConfigPath({}, { ...user, exists: () => true })).toBe('/etc/tailops/targets.yaml')
    expect(defaultConfigPath({}, { ...user, uid: 0 })).toBe('/etc/tailops/targets.yaml')
  })

  test('of the state', () => {
    expect(defaultStateDir({ TAILOPS_STATE_DIR: '/s' }, user)).toBe('/s')
    expect(defaultStateDir({}, user)).toBe('/home/op/.local/state/tailops')
    expect(defaultStateDir({ XDG_STATE_HOME: '/st' }, user)).toBe('/st/tailops')
    expect(defaultStateDir({}, { ...user, uid: 0 })).toBe('/var/lib/tailops')
  })
})
