import { isIP } from 'node:net'
import { isAbsolute, join, resolve } from 'node:path'
import { type LogLevel, logLevels } from '../lib/log.ts'
import type { Secret } from '../lib/secret.ts'
import { type AnchorSettings, anchorSettings } from './anchor-settings.ts'
import { type AuthSettings, authSettings } from './auth-settings.ts'
import { type Reading, secret } from './env-reading.ts'
import { newNames, ownNames } from './old-names.ts'
import { type Problem, quoted } from './problem.ts'
import { suggest } from './suggest.ts'
import { type WatchSettings, watchSettings } from './watch-settings.ts'

type Env = Readonly<Record<string, string | undefined>>

/** What the environment says about the gateway as a process. */
export interface Settings {
  /** TAILOPS_CONFIG; undefined: see defaultConfigPath. */
  readonly config?: string | undefined
  /** TAILOPS_STATE_DIR; undefined: see defaultStateDir. */
  readonly stateDir?: string | undefined
  readonly listen: { readonly host: string; readonly port: number }
  /** The URL clients use, without slash at the end. */
  readonly baseUrl?: string | undefined
  readonly logLevel: LogLevel
  readonly auth: AuthSettings
  /** TAILOPS_RATE_LIMIT: calls a minute of one caller, by their risk; 0: any number. */
  readonly rates: Readonly<Record<(typeof risks)[number], number>>
  /** TAILOPS_MAX_CALLS: calls of one caller at the same time. */
  readonly maxCalls: number
  readonly anchors: AnchorSettings
  readonly watch: WatchSettings
  readonly operationMode: 'local' | 'gateway'
  readonly output: 'toon' | 'json' | 'structured'
  /** TAILOPS_TOKEN: limits the caller over stdio. */
  readonly token?: Secret | undefined
}

/** Settings with what was wrong (defaults stand in for it) and the old names in use, one line each. */
export interface ReadSettings {
  readonly settings: Settings
  readonly problems: readonly Problem[]
  readonly deprecations: readonly string[]
}

/** Reads the TAILOPS_* variables, and the old names where the new ones are not set. */
export function readSettings(env: Env): ReadSettings {
  const { values, deprecations } = newNames(env)
  const problems: Problem[] = []
  const from: Reading = {
    spelled: (name) => values.get(name),
    report: (severity, variable, what, hint) =>
      problems.push({ severity, file: `environment variable ${variable}`, line: 0, column: 0, what, hint }),
  }
  const reached = baseUrl(from)
  const settings: Settings = {
    config: values.get('TAILOPS_CONFIG')?.value,
    stateDir: stateDir(from),
    listen: listen(from),
    baseUrl: reached,
    logLevel: logLevel(from),
    auth: authSettings(from, reached),
    rates: rates(from),
    maxCalls: maxCalls(from),
    anchors: anchorSettings(from),
    watch: watchSettings(from),
    operationMode: oneOf(from, 'TAILOPS_OPERATION_MODE', ['local', 'gateway']),
    output: oneOf(from, 'TAILOPS_OUTPUT', ['toon', 'json', 'structured']),
    token: secret(values.get('TAILOPS_TOKEN')),
  }
  mistyped(env, from)
  return { settings, problems, deprecations }
}

function stateDir({ spelled, report }: Reading): string | undefined {
  const found = spelled('TAILOPS_STATE_DIR')
  if (found === undefined || isAbsolute(found.value)) return found?.value
  report(
    'error',
    found.name,
    `${quoted(found.value)} is no absolute path`,
    `write ${resolve('/', found.value)} or another whole path`,
  )
  return undefined
}

const loopback = '127.0.0.1'

/** `host:port`, `[::1]:port`, or a port alone, which listens on loopback. */
function listen({ spelled, report }: Reading): Settings['listen'] {
  const found = spelled('TAILOPS_LISTEN')
  if (found === undefined) return { host: loopback, port: 8080 }
  const [, bracketed, name, digits] = /^(?:\[([^\]]+)\]:|([^:[\]\s]+):|:)?(\d{1,5})$/.exec(found.value) ?? []
  const port = Number(digits)
  const host = bracketed ?? name ?? loopback
  if (digits !== undefined && port <= 65_535 && (bracketed === undefined || isIP(bracketed) === 6))
    return { host, port }
  report(
    'error',
    found.name,
    `${quoted(found.value)} is no address to listen on`,
    'write host:port, like 127.0.0.1:8080 or [::1]:8080',
  )
  return { host: loopback, port: 8080 }
}

function baseUrl({ spelled, report }: Reading): string | undefined {
  const found = spelled('TAILOPS_BASE_URL')
  if (found === undefined) return undefined
  const url = URL.canParse(found.value) ? new URL(found.value) : undefined
  const fits =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === ''
  if (fits) return found.value.replace(/\/+$/, '')
  report(
    'error',
    found.name,
    'is no plain http or https URL',
    'write it like https://gw.example.ts.net, without query or credentials',
  )
  return undefined
}

const oldLevels: Readonly<Record<string, LogLevel>> = { warning: 'warn', critical: 'error', fatal: 'error' }

function logLevel({ spelled, report }: Reading): LogLevel {
  const found = spelled('TAILOPS_LOG_LEVEL')
  if (found === undefined) return 'info'
  const word = found.value.toLowerCase()
  const level = logLevels.find((known) => known === word) ?? oldLevels[word]
  if (level !== undefined) return level
  // LOG_LEVEL may be meant for another program: what it says there is no error here.
  const severity = found.name === 'LOG_LEVEL' ? 'warning' : 'error'
  report(severity, found.name, `${quoted(found.value)} is no log level`, `use one of ${logLevels.join(', ')}`)
  return 'info'
}

function oneOf<const T extends string>({ spelled, report }: Reading, name: string, known: readonly [T, ...T[]]): T {
  const found = spelled(name)
  if (found === undefined) return known[0]
  const value = known.find((word) => word === found.value.toLowerCase())
  if (value !== undefined) return value
  const near = suggest(found.value, known)
  report(
    'error',
    found.name,
    `${quoted(found.value)} is not known`,
    near === undefined ? `use one of ${known.join(', ')}` : `did you mean ${near}?`,
  )
  return known[0]
}

const risks = ['read', 'probe', 'write', 'destructive'] as const
const defaultRate = 100

/** `100` for every risk, or some by name, the others as by default: `read=300,destructive=5`. */
function rates({ spelled, report }: Reading): Settings['rates'] {
  const found = spelled('TAILOPS_RATE_LIMIT')
  const all = (count: number) => ({ read: count, probe: count, write: count, destructive: count })
  if (found === undefined) return all(defaultRate)
  if (/^\d{1,6}$/.test(found.value)) return all(Number(found.value))
  const given = found.value.split(',').map((part) => /^\s*(\w+)=(\d{1,6})\s*$/.exec(part) ?? [])
  if (given.every(([, name]) => risks.some((risk) => risk === name)))
    return { ...all(defaultRate), ...Object.fromEntries(given.map(([, name, count]) => [name, Number(count)])) }
  report(
    'error',
    found.name,
    `${quoted(found.value)} is no number of calls a minute`,
    `write 100, or by risk (${risks.join(', ')}) read=300,destructive=5; 0 is no limit`,
  )
  return all(defaultRate)
}

function maxCalls({ spelled, report }: Reading): number {
  const found = spelled('TAILOPS_MAX_CALLS')
  if (found === undefined) return 32
  if (/^[1-9]\d{0,2}$/.test(found.value)) return Number(found.value)
  report('error', found.name, `${quoted(found.value)} is no number from 1 to 999`, 'write 32')
  return 32
}

/** Variables that look like one of ours. */
function mistyped(env: Env, { report }: Reading): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith('TAILOPS_') || ownNames.includes(name)) continue
    const near = suggest(name, ownNames)
    if (near !== undefined && env[near] === undefined) report('warning', name, 'is not known', `did you mean ${near}?`)
  }
}

/** Who runs the process, and where its files may be. */
export interface Account {
  readonly uid: number
  readonly home: string
  exists(path: string): boolean
}

const systemConfig = '/etc/tailops/targets.yaml'

/** `$TAILOPS_CONFIG` (or its old name), else /etc/tailops/targets.yaml for root or where it exists, else the user's own. */
export function defaultConfigPath(env: Env, { uid, home, exists }: Account): string {
  const named = newNames(env).values.get('TAILOPS_CONFIG')?.value
  if (named !== undefined) return named
  if (uid === 0 || exists(systemConfig)) return systemConfig
  return join(folder(env['XDG_CONFIG_HOME'], join(home, '.config')), 'tailops', 'targets.yaml')
}

/** `$TAILOPS_STATE_DIR`, else /var/lib/tailops for root, else the user's own. */
export function defaultStateDir(env: Env, { uid, home }: Pick<Account, 'uid' | 'home'>): string {
  const named = newNames(env).values.get('TAILOPS_STATE_DIR')?.value
  if (named !== undefined) return named
  return uid === 0 ? '/var/lib/tailops' : join(folder(env['XDG_STATE_HOME'], join(home, '.local', 'state')), 'tailops')
}

/** The XDG specification ignores relative paths. */
const folder = (set: string | undefined, fallback: string): string =>
  set !== undefined && isAbsolute(set) ? set : fallback
