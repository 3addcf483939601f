import type { Report } from './migrate-report.ts'
import { type Fields, fieldsAt, isFields, textOf, withoutEmptyKeys, wordOf } from './migrate-values.ts'

/** Hosts of an old inventory.json as targets that grant nothing yet; the rest is found by looking, not kept. */
export function oldInventory(old: Fields, report: Report, taken: ReadonlySet<string>): ReadonlyMap<string, Fields> {
  const targets = new Map<string, Fields>()
  const own = textOf(fieldsAt(old, 'system')['hostname'])
  for (const [key, raw] of Object.entries(fieldsAt(old, 'hosts'))) {
    const path = ['hosts', key]
    const host = isFields(raw) ? (textOf(raw['hostname']) ?? key) : key
    const id = wordOf(key)
    if (!isFields(raw) || id === '') report.add('dropped', path, 'is no host')
    else if (taken.has(id) || targets.has(id)) report.add('dropped', path, `the target ${id} is there already`)
    else if (host === own) report.add('dropped', path, 'is the machine of the gateway: the target local')
    else {
      const { platform, tags } = raw
      targets.set(id, {
        executor: 'ssh',
        connection: { host },
        capabilities: [],
        metadata: withoutEmptyKeys({ platform, tags }),
      })
      report.add('changed', path, `is the target ${id} now, by ssh; grants nothing until capabilities are listed`)
    }
  }
  for (const [key, value] of Object.entries(old))
    if (key !== 'hosts' && value !== null) report.add('dropped', [key], whyNot[key] ?? 'nothing here reads it')
  return targets
}

const whyNot: Readonly<Record<string, string>> = {
  system: 'what this machine is, is read from it',
  stacks: 'stacks are not kept; git and the folder stay where they are',
  applications: 'services and containers are read from the machines',
}

/** What a YAML or JSON file of the old installation is. */
export type OldKind = 'targets' | 'policy' | 'proxmox' | 'inventory' | 'nothing' | { readonly why: string }

const has = (value: Fields, ...keys: readonly string[]): boolean => keys.some((key) => value[key] !== undefined)

/** By what stands in it, since names and places differed from version to version. */
export function kindOfContent(value: unknown): OldKind {
  if (!isFields(value)) return 'nothing'
  if (has(value, 'hosts', 'stacks', 'applications') && !has(value, 'targets', 'rules')) return 'inventory'
  if (has(value, 'remote_agents'))
    return { why: 'agents on machines are not needed: ssh targets reach them; nothing read this file' }
  if (has(value, 'workflows'))
    return { why: 'workflows were never run; a change of several steps is asked for step by step' }
  if (isFields(value['proxmox'])) return 'proxmox'
  if (isFields(value['server']) && has(value, 'security', 'audit', 'logging'))
    return { why: 'nothing read this file; TAILOPS_* variables and targets.yaml say it here' }
  if (has(value, 'rules', 'policies', 'default_validation_mode', 'policy_name', 'deny_by_default')) return 'policy'
  if (has(value, 'targets')) return 'targets'
  if (
    Object.values(value).some(
      (below) => isFields(below) && has(below, 'network_segment', 'segment') && Array.isArray(below['targets']),
    )
  )
    return { why: 'nothing read segments; write gateway.segment, or metadata.segment at targets' }
  return 'nothing'
}
