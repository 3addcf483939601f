import { partsOfUnit, unitName } from './service-name.ts'

type Danger = 'access' | 'network' | 'power'

/** What a change of a unit could cost us, by the name of the unit without instance and suffix. */
const lifelines: readonly (readonly [RegExp, Danger, string])[] = [
  [/^(ssh|sshd|dropbear|openssh-server|teleport)$/i, 'access', 'the way in over SSH'],
  [
    /^(tailscale|tailscaled|wg-quick|openvpn|openvpn-(client|server)|zerotier-one|netbird|cloudflared)$/i,
    'access',
    'the network that we may come through',
  ],
  [
    /^(networking|network|systemd-networkd|NetworkManager|dhcpcd|dhclient|connman|wicked|wickedd|wpa_supplicant|iwd|ifup|netplan.*|net\..+)$/i,
    'network',
    'the network itself',
  ],
  [/^(systemd-resolved|dbus|dbus-broker|systemd-logind|elogind|user|user-runtime-dir)$/i, 'access', 'what logins need'],
  [/^(pve.*|corosync)$/i, 'access', 'part of the Proxmox node'],
  [/^tailops/i, 'access', 'the gateway itself'],
  [
    /^systemd-(poweroff|reboot|halt|kexec|soft-reboot|exit|suspend|hibernate|hybrid-sleep|suspend-then-hibernate)$/,
    'power',
    'what turns the machine off',
  ],
]

const manageable = ['service', 'socket', 'timer', 'path']

export type ServiceAction = 'start' | 'stop' | 'restart' | 'reload' | 'enable' | 'disable'

const dangers: Readonly<Record<ServiceAction, readonly Danger[]>> = {
  start: ['power'],
  stop: ['access', 'network'],
  restart: ['access', 'network', 'power'],
  reload: ['network'],
  enable: ['power'],
  disable: ['access', 'network'],
}

/** A change that is about to be planned. */
export interface Intended {
  readonly action: ServiceAction
  /** Its real name and every other one. */
  readonly names: readonly string[]
  /** Other units that would go down. */
  readonly stops: readonly string[]
  /** The unit that we ourselves run in; empty when in none. */
  readonly self: string
  /** Units that may be changed all the same. */
  readonly allowed: readonly string[]
}

/** A unit that must not be changed. */
export interface Refusal {
  readonly unit: string
  /** Goes on after the name of the unit: `is the way in over SSH`. */
  readonly why: string
}

/** The unit that speaks against a change: itself, or one that would go down with it; undefined when none does. */
export function refusedUnit({ action, names, stops, self, allowed }: Intended): Refusal | undefined {
  const listed = new Set(allowed.map(unitName))
  const [unit = ''] = names
  const why = names.some((name) => listed.has(name)) ? undefined : reasonAgainst(action, names, self)
  if (why !== undefined) return { unit, why }
  for (const other of stops.filter((name) => !listed.has(name))) {
    const lost = lostWith(other, self, ['access', 'network'])
    if (lost !== undefined) return { unit: other, why: `would go down with ${unit}, and it ${lost}` }
  }
  return undefined
}

function reasonAgainst(action: ServiceAction, names: readonly string[], self: string): string | undefined {
  const odd = names.map((name) => partsOfUnit(name).kind).find((kind) => !manageable.includes(kind))
  if (odd !== undefined) return `is a ${odd}, not a service`
  return names.map((name) => lostWith(name, self, dangers[action])).find((reason) => reason !== undefined)
}

function lostWith(unit: string, self: string, feared: readonly Danger[]): string | undefined {
  if (unit === self && feared.includes('access')) return 'is what we run in'
  const base = partsOfUnit(unit).base.replace(/@.*$/, '')
  const [, , reason] = lifelines.find(([pattern, danger]) => feared.includes(danger) && pattern.test(base)) ?? []
  return reason === undefined ? undefined : `is ${reason}`
}
