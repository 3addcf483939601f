import { isDeepStrictEqual } from 'node:util'
import { Secret } from '../lib/secret.ts'
import { envLine, readEnvText } from './env-text.ts'
import { valueAt } from './explain.ts'
import { oldClusters } from './migrate-clusters.ts'
import { oldEnvironment } from './migrate-environment.ts'
import { oldProxmoxHosts } from './migrate-hosts.ts'
import { type Kept, openKept } from './migrate-kept.ts'
import { kindOfContent, oldInventory } from './migrate-others.ts'
import { oldPolicy } from './migrate-policy.ts'
import { prune } from './migrate-prune.ts'
import { openReport, type Report, type Row } from './migrate-report.ts'
import { oldTargets, type TargetsMaking } from './migrate-targets.ts'
import { type Fields, isFields, leaves } from './migrate-values.ts'
import { type OldFile, readOldYaml } from './migrate-yaml.ts'
import type { Path } from './problem.ts'
import { yamlText } from './read-yaml.ts'

/** Files of an old installation. */
export interface OldInstallation {
  readonly environments: readonly OldFile[]
  /** YAML, JSON and Markdown around YAML. */
  readonly documents: readonly OldFile[]
}

/** What is to be written, and what became of each value. */
export interface Migrated {
  readonly targets: string
  readonly targetIds: readonly string[]
  /** The environment file; it holds secrets. */
  readonly environment: Secret
  /** Private keys by relative path. */
  readonly keys: ReadonlyMap<string, Secret>
  readonly rows: readonly Row[]
}

/** Makes our files of an old installation. Whatever stands in the old one: nothing throws, and the result passes our own check. */
export function migrate(old: OldInstallation): Migrated {
  const rows: Row[] = []
  const environment = openReport(old.environments.map(({ name }) => name).join(', '), rows)
  const variables = variablesOf(old.environments, rows)
  const kept = openKept()
  const used = new Set<string>()
  const found: Found = { gateway: {}, targets: new Map(), reports: new Map(), documents: [] }
  for (const file of old.documents) document(file, found, { variables, kept, used, rows })
  const clusters = oldClusters(variables, kept, environment)
  for (const [id, target] of clusters.targets) {
    if (found.targets.has(id)) environment.add('dropped', `cluster ${id}`, `the target ${id} is there already`)
    else found.targets.set(id, target)
  }
  const made = pruned(found, kept, environment)
  for (const { content, report } of found.documents) account(content, made, report)
  return finished(made, { kept, variables, used, clusters: clusters.used, environment, rows })
}

interface Found {
  gateway: Fields
  readonly targets: Map<string, Fields>
  /** By target, and of the gateway section under `gateway`. */
  readonly reports: Map<string, Report>
  /** Old targets.yaml files, for the account at the end. */
  readonly documents: { readonly content: unknown; readonly report: Report }[]
}

interface Around extends Pick<TargetsMaking, 'variables' | 'kept' | 'used'> {
  readonly rows: Row[]
}

function document(file: OldFile, found: Found, { rows, ...around }: Around): void {
  const report = openReport(file.name, rows)
  const content = readOldYaml(file, report)
  if (content === undefined) return
  const kind = kindOfContent(content)
  const taken = new Set(found.targets.keys())
  const making: TargetsMaking = { ...around, report, taken, folder: file.folder }
  const add = (targets: ReadonlyMap<string, Fields>) => {
    for (const [id, target] of targets) {
      found.targets.set(id, target)
      found.reports.set(id, report)
    }
  }
  if (!isFields(content) || kind === 'nothing') report.add('dropped', file.name, 'is no file of an old installation')
  else if (typeof kind === 'object') report.add('dropped', file.name, kind.why)
  else if (kind === 'inventory') add(oldInventory(content, report, taken))
  else if (kind === 'proxmox') add(oldProxmoxHosts(content, making))
  else if (kind === 'policy') {
    const { targets, ...rules } = content
    oldPolicy(rules, report)
    if (Array.isArray(targets)) add(oldTargets({ targets }, making).targets)
    else if (targets !== undefined)
      report.add('dropped', ['targets'], 'a policy for kinds of machine: targets grant capabilities')
  } else {
    const { gateway, targets } = oldTargets(content, making)
    found.gateway = { ...gateway, ...found.gateway }
    add(targets)
    if (!found.reports.has('gateway')) found.reports.set('gateway', report)
    found.documents.push({ content, report })
  }
}

/** The first file that sets a variable counts. */
function variablesOf(files: readonly OldFile[], rows: Row[]): ReadonlyMap<string, string> {
  const variables = new Map<string, string>()
  for (const { name: file, text } of files) {
    const report = openReport(file, rows)
    const own = new Map<string, string>()
    for (const line of readEnvText(text)) {
      if ('wrong' in line) report.add('dropped', `line ${line.line}`, line.wrong)
      else {
        if (own.has(line.name)) report.add('dropped', line.name, `stands twice; line ${line.line} counts`)
        own.set(line.name, line.value)
      }
    }
    for (const [name, value] of own) {
      if (variables.has(name)) report.add('dropped', name, 'another file sets it already')
      else variables.set(name, value)
    }
  }
  return variables
}

function pruned({ gateway, targets, reports }: Found, kept: Kept, report: Report): Fields {
  const env = Object.fromEntries([...kept.env].map(([name, secret]) => [name, secret.reveal()]))
  const made = {
    version: '1.0',
    ...(Object.keys(gateway).length > 0 && { gateway }),
    targets: Object.fromEntries(targets),
  }
  const reportOf = ([top, id]: Path) => reports.get(String(top === 'targets' ? id : top)) ?? report
  return prune(made, { file: 'targets.yaml', env, reportOf })
}

/** Every value of an old targets.yaml has its row: what is as it was is taken, and nothing is lost in silence. */
function account(content: unknown, made: Fields, report: Report): void {
  for (const { path, value } of leaves(content)) {
    if (isDeepStrictEqual(valueAt(made, path), value)) report.add('taken', path)
    else if (!report.mentions(path)) report.add('dropped', path, 'is empty, or nothing here is called so')
  }
}

interface Ending {
  readonly kept: Kept
  readonly variables: ReadonlyMap<string, string>
  readonly used: ReadonlySet<string>
  readonly clusters: ReadonlySet<string>
  readonly environment: Report
  readonly rows: readonly Row[]
}

function finished(made: Fields, { kept, variables, used, clusters, environment, rows }: Ending): Migrated {
  const targets = yamlText(made, { lineWidth: 0 })
  const isNamed = (name: string) => targets.includes(`\${${name}}`) || targets.includes(`\${${name}:-`)
  const secrets = [...kept.env].filter(([name]) => isNamed(name))
  for (const name of used) environment.add('taken', name, 'for the target that refers to it')
  const settings = openKept()
  oldEnvironment(variables, { kept: settings, report: environment, used: new Set([...used, ...clusters]) })
  const lines = [...settings.env, ...secrets].map(([name, secret]) => envLine(name, secret.reveal()))
  const keys = new Map([...kept.files].filter(([path]) => targets.includes(path)))
  const ids = isFields(made['targets']) ? Object.keys(made['targets']) : []
  return { targets, targetIds: ids, environment: new Secret(lines.map((line) => `${line}\n`).join('')), keys, rows }
}
