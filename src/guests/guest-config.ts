import type { z } from 'zod'
import type { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { checkedValue, typeOf } from './guest-config-keys.ts'
import { refusal } from './guest-now.ts'

type Kind = 'lxc' | 'qemu'
type Config = z.output<typeof guestConfigReply>

/** What a caller wants of a guest's configuration; what is left out stays. */
export interface WantedConfig {
  readonly cores?: number | undefined
  readonly memory_mib?: number | undefined
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly onboot?: boolean | undefined
  readonly protection?: boolean | undefined
  readonly agent?: boolean | undefined
  /** Further keys by their names in Proxmox VE. */
  readonly set?: Readonly<Record<string, string | number | boolean>> | undefined
  /** Keys to delete. */
  readonly remove?: readonly string[] | undefined
}

/** One key that gets another value; without `after` it is deleted, without `before` it was not set. */
export interface ConfigChange {
  readonly key: string
  readonly before?: string | undefined
  readonly after?: string | undefined
}

/**
 * What would change in a configuration, in the order of its keys; empty when it is so already.
 * @throws GatewayError invalid_input: no such key, a wrong value, one that is not to be changed here, one named twice
 */
export function configChanges(kind: Kind, config: Config, wanted: WantedConfig): readonly ConfigChange[] {
  const named = namedValues(kind, config, wanted)
  const given = Object.entries(wanted.set ?? {}).map(([key, value]): readonly [string, string] => [
    key,
    sent(key, checkedValue(kind, key, value)),
  ])
  const removed = (wanted.remove ?? []).map((key): readonly [string, undefined] => {
    typeOf(kind, key)
    return [key, undefined]
  })
  const all = [...named, ...given, ...removed]
  if (all.length === 0) throw refusal('there is nothing to change', 'give a setting, set or remove')
  const twice = all.find(([key], index) => all.findIndex(([other]) => other === key) !== index)
  if (twice !== undefined) throw refusal(`${twice[0]} is given twice`, 'name it once')
  return all
    .flatMap(([key, after]) => {
      const before = config[key]?.trimEnd()
      return isSame(key, before, after) ? [] : [{ key, before, after }]
    })
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

function namedValues(
  kind: Kind,
  config: Config,
  wanted: WantedConfig,
): readonly (readonly [string, string | undefined])[] {
  const { cores, memory_mib, name, description, tags, onboot, protection, agent } = wanted
  if (agent !== undefined && kind === 'lxc')
    throw refusal('a container has no guest agent', 'leave agent out; commands in it need none')
  const flag = (value: boolean | undefined) => (value === undefined ? undefined : String(Number(value)))
  const values = {
    cores: cores?.toString(),
    memory: memory_mib?.toString(),
    [kind === 'lxc' ? 'hostname' : 'name']: name === undefined ? undefined : hostName(name),
    onboot: flag(onboot),
    protection: flag(protection),
    agent: agent === undefined ? undefined : agentValue(config['agent'], agent),
  }
  const given = Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
  const texts = [
    ['description', description?.trimEnd()] as const,
    ['tags', tags === undefined ? undefined : tagList(tags)] as const,
  ].filter(([key]) => (key === 'tags' ? tags : description) !== undefined)
  return [...given, ...texts.map(([key, value]) => [key, value === '' ? undefined : value] as const)]
}

/** Source: format dns-name in PVE::JSONSchema. */
function hostName(name: string): string {
  if (name.length <= 255 && /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/.test(name)) return name
  throw refusal(`${JSON.stringify(name.slice(0, 80))} is no name of a guest`, 'letters, digits, dashes and dots only')
}

/** Source: format pve-tag in PVE::JSONSchema. */
function tagList(tags: readonly string[]): string {
  const wrong = tags.find((tag) => !/^[a-z0-9_][a-z0-9_\-+.]*$/i.test(tag))
  if (wrong === undefined) return [...new Set(tags)].toSorted().join(';')
  throw refusal(
    `${JSON.stringify(wrong.slice(0, 80))} is no tag`,
    'a tag has letters, digits, _ - + and dots, and begins with a letter, a digit or _',
  )
}

/** The agent switched on or off, its other options kept: `1,fstrim_cloned_disks=1`. */
function agentValue(before: string | undefined, on: boolean): string {
  const options = (before ?? '').split(',').filter((part) => part.includes('=') && !part.startsWith('enabled='))
  return [String(Number(on)), ...options].join(',')
}

/** Keys are sent encoded once, as Proxmox VE keeps them. */
const sent = (key: string, value: string): string =>
  key === 'sshkeys' && /\s/.test(value) ? encodeURIComponent(value.trim()) : value

function isSame(key: string, before: string | undefined, after: string | undefined): boolean {
  if (before === after) return true
  if (after === undefined || (before === undefined && !absentMeansNo.includes(key))) return false
  if (key === 'tags') return sortedTags(before) === sortedTags(after)
  if (key === 'agent') return plainAgent(before) === plainAgent(after)
  return absentMeansNo.includes(key) && (before ?? '0') === after
}

const absentMeansNo: readonly string[] = ['onboot', 'protection', 'agent']

/** `1`, `enabled=1` and `1,type=virtio` say the same as to being on. */
const plainAgent = (value = '0'): string => value.replace(/(^|,)enabled=/, '$1')

const sortedTags = (tags = ''): string =>
  tags
    .toLowerCase()
    .split(/[;,\s]+/)
    .filter((tag) => tag !== '')
    .toSorted()
    .join(';')

/** The body of the request that makes these changes, and of the one that takes them back. */
export function configBodies(changes: readonly ConfigChange[], digest: string | undefined) {
  return {
    do: { ...bodyOf(changes.map(({ key, after }) => [key, after])), digest },
    undo: bodyOf(changes.map(({ key, before }) => [key, before])),
  }
}

function bodyOf(
  values: readonly (readonly [key: string, value: string | undefined])[],
): Readonly<Record<string, string>> {
  const deleted = values.flatMap(([key, value]) => (value === undefined ? [key] : []))
  const kept = values.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
  return { ...Object.fromEntries(kept), ...(deleted.length > 0 && { delete: deleted.join(',') }) }
}

const atOnceLxc =
  /^(description|onboot|startup|protection|hostname|hookscript|cores|tags|memory|swap|cpulimit|cpuunits|net\d+|dev\d+)$/
const atOnceQemu =
  /^(description|onboot|startup|protection|name|shares|tags|vmstatestorage|cpulimit|cpuunits|balloon|migrate_\w+|ci(custom|type|user|upgrade)|nameserver|searchdomain|sshkeys|ipconfig\d+)$/

/**
 * Whether a change of a running guest waits for its next start.
 * Source: vmconfig_hotplug_pending of PVE::LXC::Config and PVE::QemuServer, 9.2.
 */
export function waitsForStart(kind: Kind, { key, before, after }: ConfigChange, config: Config): boolean {
  if (kind === 'lxc') {
    const isPlugged = atOnceLxc.test(key)
    if (key === 'memory') return after === undefined
    return !isPlugged || (key.startsWith('dev') && (before !== undefined || after === undefined))
  }
  const hotplug = (config['hotplug'] ?? '1').replace(/^1$/, 'network,disk,usb').split(/[,;\s]+/)
  if (key.startsWith('net')) return !hotplug.includes('network')
  if (key === 'vcpus') return !hotplug.includes('cpu')
  if (key === 'memory') return !hotplug.includes('memory')
  if (key === 'tablet' || key.startsWith('usb')) return !hotplug.includes('usb')
  return !atOnceQemu.test(key)
}
