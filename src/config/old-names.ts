type Env = Readonly<Record<string, string | undefined>>

/** Every variable of our own. */
export const ownNames: readonly string[] = [
  'TAILOPS_CONFIG',
  'TAILOPS_POLICY',
  'TAILOPS_STATE_DIR',
  'TAILOPS_LISTEN',
  'TAILOPS_BASE_URL',
  'TAILOPS_LOG_LEVEL',
  'TAILOPS_AUTH_MODE',
  'TAILOPS_OPERATION_MODE',
  'TAILOPS_RATE_LIMIT',
  'TAILOPS_MAX_CALLS',
  'TAILOPS_WATCH',
  'TAILOPS_WATCH_WEBHOOK',
  'TAILOPS_QUIET_HOURS',
  'TAILOPS_AUDIT_ANCHOR',
  'TAILOPS_AUDIT_ANCHOR_MINUTES',
  'TAILOPS_OUTPUT',
  'TAILOPS_TOKEN',
  'TSIDP_URL',
  'TSIDP_CLIENT_ID',
  'TSIDP_CLIENT_SECRET',
  'TAILOPS_LOGIN_CLAIM',
  'TAILOPS_GROUPS_CLAIM',
  'TAILOPS_TAILSCALE_SOCKET',
  'TAILOPS_APP_CAPABILITY',
]

/** Old variable to new one. */
const renamed: Readonly<Record<string, string>> = {
  SYSTEMMANAGER_TARGETS_CONFIG: 'TAILOPS_CONFIG',
  SYSTEMMANAGER_BASE_URL: 'TAILOPS_BASE_URL',
  SYSTEMMANAGER_AUTH_MODE: 'TAILOPS_AUTH_MODE',
  SYSTEMMANAGER_OPERATION_MODE: 'TAILOPS_OPERATION_MODE',
}

/** Old variables that are read under their own name, and what to do instead. */
const kept: Readonly<Record<string, string>> = {
  SYSTEMMANAGER_SHARED_SECRET:
    'is deprecated: tokens signed with it are accepted until they expire; make new ones with tailops token mint',
  SYSTEMMANAGER_REQUIRE_AUTH: 'is deprecated: set TAILOPS_AUTH_MODE to token, or to none on loopback',
}

/** A value and the variable it was spelled in. */
export interface Spelled {
  readonly name: string
  readonly value: string
}

/** The variables by their new names, and a line for each old name that is set. Empty means not set; a new name wins. */
export function newNames(env: Env): { values: ReadonlyMap<string, Spelled>; deprecations: readonly string[] } {
  const values = new Map<string, Spelled>()
  const deprecations: string[] = []
  for (const name of [...ownNames, ...Object.keys(kept)]) take(values, env, { from: name, to: name })
  for (const [from, to] of Object.entries(renamed)) take(values, env, { from, to })
  take(values, env, { from: 'LOG_LEVEL', to: 'TAILOPS_LOG_LEVEL' })
  const port = oldListen(env)
  if (port !== undefined && !values.has('TAILOPS_LISTEN')) values.set('TAILOPS_LISTEN', port)
  for (const name of Object.keys(env).sort()) {
    if (!name.startsWith('SYSTEMMANAGER_') || given(env, name) === undefined) continue
    const to = name === 'SYSTEMMANAGER_PORT' ? 'TAILOPS_LISTEN' : renamed[name]
    deprecations.push(
      `${name} ${to === undefined ? (kept[name] ?? 'has no effect: remove it') : `is deprecated: use ${to}`}`,
    )
  }
  return { values, deprecations }
}

function take(values: Map<string, Spelled>, env: Env, { from, to }: { from: string; to: string }): void {
  const value = given(env, from)
  if (value !== undefined && !values.has(to)) values.set(to, { name: from, value })
}

/** SYSTEMMANAGER_PORT was a port on loopback. */
function oldListen(env: Env): Spelled | undefined {
  const value = given(env, 'SYSTEMMANAGER_PORT')
  return value === undefined ? undefined : { name: 'SYSTEMMANAGER_PORT', value }
}

const given = (env: Env, name: string): string | undefined => (env[name] === '' ? undefined : env[name])
