import type { z } from 'zod'
import type { guestConfigReply } from '../formats/proxmox-guest-detail.ts'
import { checkedValue, typeOf } from './guest-config-keys.ts'
import { refusal } from './guest-now.ts'
import { tagList } from './placement-names.ts'

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
  const set = Object.entries(wanted.set ?? {}).map(([key, value]): Value => {
    if (isEjection(key, value, config)) return [key, emptyDrive]
    return [key, sent(key, checkedValue(kind, key, value))]
  })
  const removed = (wanted.remove ?? []).map((key): Value => {
    typeOf(kind, key)
    return [key, undefined]
  })
  const all = [...named, ...set, ...removed]
  if (all.length === 0) throw refusal('there is nothing to change', 'give a setting, set or remove')
  const twice = all.find(([key], index) => all.findIndex(([other]) => other === key) !== index)
  if (twice !== undefined) throw refusal(`${twice[0]} is given twice`, 'name it once')
  requireBalloon(new Map(all), config)
  return all
    .flatMap(([key, after]) => {
      const before = config[key]?.trimEnd()
      return isSame(key, before, after) ? [] : [{ key, before, after }]
    })
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

type Value = readonly [key: string, value: string | undefined]

/** Without a value a key is deleted. */
function namedValues(kind: Kind, config: Config, wanted: WantedConfig): readonly Value[] {
  if (wanted.agent !== undefined && kind === 'lxc')
    throw refusal('a container has no guest agent', 'leave agent out; commands in it need none')
  return [
    ...given('cores', wanted.cores, String),
    ...given('memory', wanted.memory_mib, String),
    ...given(kind === 'lxc' ? 'hostname' : 'name', wanted.name, String),
    ...given('description', wanted.description, (notes) => notes.trimEnd() || undefined),
    ...given('tags', wanted.tags, tagList),
    ...given('onboot', wanted.onboot, flag),
    ...given('protection', wanted.protection, flag),
    ...given('agent', wanted.agent, (on) => agentValue(config['agent'], on)),
  ]
}

const given = <T>(key: string, value: T | undefined, text: (value: T) => string | undefined): readonly Value[] =>
  value === undefined ? [] : [[key, text(value)]]

const flag = (on: boolean): string => String(Number(on))

/** The agent switched on or off, its other options kept: `1,fstrim_cloned_disks=1`. */
function agentValue(before: string | undefined, on: boolean): string {
  const options = (before ?? '').split(',').filter((part) => part.includes('=') && !part.startsWith('enabled='))
  return [String(Number(on)), ...options].join(',')
}

const emptyDrive = 'none,media=cdrom'

/** The one change of a drive that loses nothing: its medium is taken out. */
const isEjection = (key: string, value: unknown, config: Config): boolean =>
  value === emptyDrive && /(^|,)media=cdrom(,|$)/.test(config[key] ?? '')

/** Source: PVE::API2::Qemu, update_vm_api. @throws GatewayError invalid_input */
function requireBalloon(changes: ReadonlyMap<string, string | undefined>, config: Config): void {
  const mib = (key: string) => Number((changes.has(key) ? changes.get(key) : config[key])?.replace(/^current=/, ''))
  if (!(mib('balloon') > mib('memory'))) return
  throw refusal(
    `balloon (${mib('balloon')} MiB) would be more than the memory (${mib('memory')} MiB)`,
    'set balloon as well, or remove it',
  )
}

/** Keys are sent encoded once, as Proxmox VE keeps them. */
const sent = (key: string, value: string): string =>
  key === 'sshkeys' && /\s/.test(value) ? encodeURIComponent(value.trim()) : value

function isSame(key: string, before: string | undefined, after: string | undefined): boolean {
  if (before === after) return true
  if (after === undefined || (before === undefined && !absentMeansNo.includes(key))) return false
  if (key === 'memory') return before?.replace(/^current=/, '') === after
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
