import type { Kept } from './migrate-kept.ts'
import type { OldVariables } from './migrate-references.ts'
import type { Report } from './migrate-report.ts'
import { severityLine } from './problem.ts'
import { readSettings } from './settings.ts'

/** Old variable → ours. */
const renamed: Readonly<Record<string, string>> = {
  SYSTEMMANAGER_AUTH_MODE: 'TAILOPS_AUTH_MODE',
  SYSTEMMANAGER_BASE_URL: 'TAILOPS_BASE_URL',
  SYSTEMMANAGER_OPERATION_MODE: 'TAILOPS_OPERATION_MODE',
  LOG_LEVEL: 'TAILOPS_LOG_LEVEL',
}

/** Names that mean the same here; ours may stand there too, when the old installation was half moved. */
const same =
  /^(TSIDP_(URL|CLIENT_ID|CLIENT_SECRET)|TAILOPS_(LISTEN|BASE_URL|LOG_LEVEL|AUTH_MODE|OPERATION_MODE|OUTPUT))$/

/** Why a variable is left behind, by how its name begins; the first that fits counts. */
const left: readonly (readonly [RegExp, string])[] = [
  [
    /^SYSTEMMANAGER_(SHARED|JWT)_SECRET$/,
    'set it by hand while tokens signed with it are to be accepted; better: tailops token mint',
  ],
  [/^SYSTEMMANAGER_REQUIRE_AUTH$/, 'callers over HTTP always need a token, unless TAILOPS_AUTH_MODE is none'],
  [/^SYSTEMMANAGER_(TARGETS_CONFIG|INVENTORY)$/, 'give the file it names to tailops migrate too'],
  [/^SYSTEMMANAGER_\w*APPROVAL/, 'narrower: every change needs the approval of a person: tailops approvals'],
  [/^SYSTEMMANAGER_(POLICY|VALIDATION)_/, 'narrower: reads as granted, every change needs approval'],
  [/^SYSTEMMANAGER_ALLOWED_(HOSTS|PORTS)$/, 'narrower: probes reach what constraints.networks of a target lists'],
  [
    /^SYSTEMMANAGER_ALLOWED_\w*(PATHS|DIRS)$/,
    'narrower: file tools touch constraints.file_roots of a target, /var/log by default',
  ],
  [/^SYSTEMMANAGER_AUDIT_LOG$/, 'the log of every call is in the state directory'],
  [
    /^SYSTEMMANAGER_(DISCOVERY|HEALTH_CHECK)_INTERVAL$/,
    'write discovery.interval or discovery.health_interval at the proxmox target',
  ],
  [/^SYSTEMMANAGER_DOCKER_SOCKET_PATH$/, 'write connection.socket_path at a docker target'],
  [/^SYSTEMMANAGER_|^TAILOPSMCP_/, 'nothing here is set so'],
  [/^(SYSTEMMANAGER_)?TAILOPS_(STACKS|HISTORY)_DIR$/, 'stacks are not kept here'],
  [
    /^PROXMOX_(CLUSTER_(VALIDATION|CACHE_TTL)|DEFAULT_LXC_PASSWORD)$/,
    'nothing here is set so; passwords of guests are never kept',
  ],
  [/^TSIDP_|^MCP_AUTH_|^MCP_TRANSPORT$/, 'clients log in by themselves'],
  [/^(TAILSCALE_|TS_)/, 'Tailscale is set up by itself: tailscale up, tailscale serve'],
  [
    /^(TOON|SMTP|SLACK|TEAMS|EMAIL|WEBSOCKET|EVENT|ALERT|PROMETHEUS|DATADOG|ELASTICSEARCH|OBSERVABILITY|LOG|REDIS)_/,
    'the old program did not use it, nor does this one',
  ],
  [
    /^(DEBIAN_VERSION|RAM_SIZE|CPU_CORES|DISK_SIZE|BRIDGE|UNPRIVILEGED|CONTAINER\w*|CREATE_CONTAINERS|PVE_HOST|NEXTID|NON_INTERACTIVE|SKIP_DOCKER|FORCE_REINSTALL|AUTH_MODE|INSTALL_MODE|DEPLOYMENT_STRATEGY)$/,
    'it told the installer',
  ],
]

/** What an old environment is made ours with. */
export interface EnvironmentMaking {
  readonly kept: Kept
  readonly report: Report
  /** Variables that something else has taken: clusters, references. */
  readonly used: ReadonlySet<string>
}

/** Moves the settings of old environment files; every variable gets its row. */
export function oldEnvironment(variables: OldVariables, { kept, report, used }: EnvironmentMaking): void {
  const moved = new Map<string, string>()
  const take = (from: string, to: string, value: string, why?: string) => {
    const wrong = problemOf(to, value)
    if (wrong !== undefined) return report.add('dropped', from, wrong)
    if (moved.has(to)) return report.add('dropped', from, `${to} is said already`)
    moved.set(to, value)
    kept.variable(to, value)
    report.add(
      from === to && why === undefined ? 'taken' : 'changed',
      from,
      why ?? (from === to ? undefined : `is ${to} now`),
    )
  }
  for (const [from, to, value, why] of listening(variables)) take(from, to, value, why)
  for (const [name, value] of variables) {
    if (used.has(name) || /^(MCP_HOST|MCP_PORT|SYSTEMMANAGER_PORT)$/.test(name)) continue
    const to = renamed[name] ?? (same.test(name) ? name : undefined)
    if (value === '') report.add('dropped', name, 'is empty')
    else if (to !== undefined) take(name, to, value)
    else report.add('dropped', name, left.find(([pattern]) => pattern.test(name))?.[1] ?? 'nothing here reads it')
  }
}

type Taken = readonly [from: string, to: string, value: string, why: string]

function listening(variables: OldVariables): readonly Taken[] {
  const host = variables.get('MCP_HOST')
  const portName = variables.has('MCP_PORT') ? 'MCP_PORT' : 'SYSTEMMANAGER_PORT'
  const port = variables.get(portName)
  if (host === undefined && port === undefined) return []
  const bare = host === undefined || host === '' || host === 'localhost' ? '127.0.0.1' : host
  const address = `${bare.includes(':') ? `[${bare}]` : bare}:${port === undefined || port === '' ? '8080' : port}`
  const names = ['MCP_HOST', 'MCP_PORT', 'SYSTEMMANAGER_PORT'].filter((name) => variables.has(name))
  const isOpen = !/^(127\.|\[::1\])/.test(address)
  const why = `TAILOPS_LISTEN is ${address} now${isOpen ? '; 127.0.0.1 behind tailscale serve is safer' : ''}`
  return [[names.join(', '), 'TAILOPS_LISTEN', address, why]]
}

/** What our own reading of the environment says of it. */
function problemOf(name: string, value: string): string | undefined {
  const { problems } = readSettings({ [name]: value })
  // Of this variable alone: others that it needs may stand beside it.
  const [error] = problems.filter(({ severity, file }) => severity === 'error' && file.endsWith(` ${name}`))
  return error === undefined ? undefined : severityLine(error).replace(/^environment variable \S+ (error: )?/, '')
}
