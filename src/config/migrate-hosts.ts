import type { Making } from './migrate-connection.ts'
import { proxmoxConnection } from './migrate-proxmox.ts'
import { withReferences } from './migrate-references.ts'
import type { TargetsMaking } from './migrate-targets.ts'
import { type Fields, fieldsAt, isFields, textOf, withoutEmptyKeys, wordOf } from './migrate-values.ts'

/** The hosts of a proxmox-config.yaml as targets: one for each, since it does not say which are one cluster. */
export function oldProxmoxHosts(old: Fields, making: TargetsMaking): ReadonlyMap<string, Fields> {
  const { report } = making
  const config = fieldsAt(old, 'proxmox')
  const targets = new Map<string, Fields>()
  const hosts = Array.isArray(config['hosts']) ? config['hosts'] : []
  for (const [index, host] of hosts.entries()) {
    const path = ['proxmox', 'hosts', index]
    const name = isFields(host) ? textOf(host['host']) : undefined
    const id = wordOf((name ?? '').replace(/^https?:\/\//, '').replace(/[:/].*$/, ''))
    if (!isFields(host) || id === '') report.add('dropped', path, 'names no host')
    else if (targets.has(id) || making.taken.has(id)) report.add('dropped', path, `${id} is there already`)
    else {
      targets.set(id, oneHost(id, host, { config, making }))
      report.add('changed', path, `is the target ${id} now; narrower: grants proxmox:read alone`)
    }
  }
  if (targets.size > 1)
    report.add('changed', ['proxmox', 'hosts'], 'of nodes of one cluster keep one target, and list all in its api_url')
  rest(old, config, making)
  return targets
}

function oneHost(id: string, raw: Fields, { config, making }: { config: Fields; making: TargetsMaking }): Fields {
  const filled = withReferences(raw, id, making)
  const host = isFields(filled) ? filled : raw
  const { connection, remarks } = proxmoxConnection(id, host, making.kept)
  for (const remark of remarks) making.report.add('changed', `target ${id}`, remark)
  const { storage, network_bridge: bridge } = fieldsAt(config, 'defaults')
  const defaults = withoutEmptyKeys({ storage, bridge })
  const tags = Array.isArray(host['tags']) ? { tags: host['tags'] } : undefined
  return withoutEmptyKeys({
    executor: 'proxmox',
    connection,
    defaults: Object.keys(defaults).length === 0 ? undefined : defaults,
    discovery: discovery(config),
    capabilities: ['proxmox:read'],
    metadata: tags,
  })
}

function discovery(config: Fields): Fields | undefined {
  const old = fieldsAt(config, 'discovery')
  if (Object.keys(old).length === 0) return undefined
  const filters = ['filter_containers', 'filter_vms'].flatMap((key) => [old[key]].flat().filter(isFields))
  const tagsOf = (key: string) => [...new Set(filters.flatMap((filter) => [filter[key] ?? []].flat().map(String)))]
  const [include, exclude] = [tagsOf('include_tags'), tagsOf('exclude_tags')]
  return withoutEmptyKeys({
    enabled: old['auto_discover'],
    interval: old['update_interval'],
    health_interval: old['health_check_interval'],
    include: include.length === 0 ? undefined : { tags: include },
    exclude: exclude.length === 0 ? undefined : { tags: exclude },
  })
}

const partly: Readonly<Record<string, string>> = {
  defaults: 'storage and network_bridge are taken; the rest nothing here reads',
  discovery: 'intervals and tags are taken; the rest nothing here reads',
}

const whyNot: Readonly<Record<string, string>> = {
  backup: 'backup jobs are Proxmox’s own',
  snapshot: 'snapshot schedules are not kept here',
  security: 'targets grant capabilities; every change needs approval',
  monitoring: 'the fleet is watched by itself; triage_fleet tells what is wrong',
  operations: 'constraints of the target limit time and concurrency',
  integration: 'all of it is built in',
}

function rest(old: Fields, config: Fields, { report }: Making): void {
  for (const key of Object.keys(config))
    if (key !== 'hosts')
      report.add(
        key in partly ? 'changed' : 'dropped',
        ['proxmox', key],
        partly[key] ?? whyNot[key] ?? 'nothing here reads it',
      )
  for (const key of Object.keys(old))
    if (key !== 'proxmox') report.add('dropped', [key], 'nothing applied it: one file describes one installation')
}
