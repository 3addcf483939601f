import type { CliCommand } from './command.ts'

/** A command by its name; its file is loaded when it is used. */
export interface CommandEntry {
  readonly name: string
  /** One line for `--help`. */
  readonly summary: string
  load(): Promise<{ readonly default: CliCommand }>
}

/** Every command, in the order of `--help`. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'serve',
    summary: 'serve MCP over HTTP, or to the client that started it (--stdio)',
    load: () => import('./serve.ts'),
  },
  { name: 'call', summary: 'call one tool, as an MCP client would', load: () => import('./call.ts') },
  {
    name: 'validate-config',
    summary: 'check targets.yaml and policy.yaml and print every problem',
    load: () => import('./validate-config.ts'),
  },
  { name: 'policy', summary: 'test, explain and replay the policy', load: () => import('./policy.ts') },
  {
    name: 'token',
    summary: 'make, list, revoke and check the bearer tokens of MCP clients',
    load: () => import('./token.ts'),
  },
  {
    name: 'approvals',
    summary: 'list, approve and deny the changes that wait for a person',
    load: () => import('./approvals.ts'),
  },
  { name: 'audit', summary: 'verify, show and export the log of every call', load: () => import('./audit.ts') },
  {
    name: 'freeze',
    summary: 'change nothing any more, at once; reads go on (unfreeze ends it)',
    load: () => import('./freeze.ts'),
  },
  { name: 'unfreeze', summary: 'allow changes again', load: () => import('./unfreeze.ts') },
  { name: 'demo', summary: 'serve a simulated fleet to play with', load: () => import('./demo.ts') },
  {
    name: 'fleet',
    summary: 'export the state of the fleet, signed; check an export',
    load: () => import('./fleet.ts'),
  },
  { name: 'health', summary: 'ask the service of this machine whether it is ready', load: () => import('./health.ts') },
  {
    name: 'update',
    summary: 'install a newer version, or go back to the one before',
    load: () => import('./update.ts'),
  },
  {
    name: 'doctor',
    summary: 'look at everything the gateway needs, and say how to mend it',
    load: () => import('./doctor.ts'),
  },
  {
    name: 'migrate',
    summary: 'make our files of an older installation, with a report of every value',
    load: () => import('./migrate.ts'),
  },
  {
    name: 'tailscale',
    summary: 'make this gateway a service of the tailnet; drain and remove it',
    load: () => import('./tailscale.ts'),
  },
  { name: 'version', summary: 'print the version', load: () => import('./version.ts') },
]
