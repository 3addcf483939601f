import { unitOf } from './process-details.ts'
import { linesOf, parseSections, plain } from './sections.ts'
import { unitName } from './service-name.ts'
import { openRcState, parseShow, runlevelsOf, saidIn } from './service-show.ts'

/** What `read/service-state` found. */
export type ServiceStateReading =
  | { readonly kind: 'unit'; readonly state: ServiceState }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly said: string }
  | { readonly kind: 'none'; readonly init: string }

/** What a change of a service depends on. */
export interface ServiceState {
  readonly init: 'systemd' | 'openrc'
  /** Its real name: with suffix on systemd, without on OpenRC. */
  readonly unit: string
  /** Its real name first, then its aliases, all with suffix. */
  readonly names: readonly string[]
  /** systemd's word, also for OpenRC. */
  readonly active: string
  /** systemd's word; on OpenRC `enabled` or `disabled`. */
  readonly enabled: string
  /** The file that defines it; empty when there is none. */
  readonly fragment: string
  /** Why it cannot be loaded: `masked`, or what is wrong with its file; empty when it is loaded. */
  readonly broken: string
  readonly canReload: boolean
  /** Whether it stays active once it was started: not a oneshot. */
  readonly stays: boolean
  /** OpenRC only. */
  readonly runlevels: readonly string[]
  /** Units that would start it again: its sockets, paths and timers. */
  readonly triggers: readonly string[]
  /** Running units that stop when it stops. */
  readonly along: readonly string[]
  /** Running units that stop when it starts. */
  readonly conflicts: readonly string[]
  /** The unit that the script ran in; empty when in none. */
  readonly self: string
}

/** Reads what `read/service-state` printed; undefined when it is not its answer. */
export function parseServiceState(output: string): ServiceStateReading | undefined {
  const sections = parseSections(output)
  const none = sections.get('none')
  if (none !== undefined) return { kind: 'none', init: plain(none) }
  const failed = sections.get('failed')
  if (failed !== undefined) return { kind: 'refused', said: saidIn(failed) }
  if (sections.has('systemd')) return ofSystemd(sections)
  return sections.has('openrc') ? ofOpenRc(sections) : undefined
}

type Sections = ReadonlyMap<string, string>

function ofSystemd(sections: Sections): ServiceStateReading | undefined {
  const show = parseShow(sections.get('show') ?? '')
  const of = (key: string): string => show.get(key) ?? ''
  const unit = of('Id')
  if (unit === '') return undefined
  const load = of('LoadState')
  if (load === 'not-found') return { kind: 'absent' }
  return {
    kind: 'unit',
    state: {
      init: 'systemd',
      unit,
      names: [...new Set([unit, ...words(of('Names'))])],
      active: of('ActiveState'),
      enabled: of('UnitFileState'),
      fragment: of('FragmentPath'),
      broken: load === 'loaded' ? '' : `${load} ${of('LoadError')}`.trim(),
      canReload: of('CanReload') === 'yes',
      stays: of('Type') !== 'oneshot' || of('RemainAfterExit') === 'yes',
      runlevels: [],
      triggers: words(of('TriggeredBy')),
      along: namesIn(sections.get('along')),
      conflicts: namesIn(sections.get('conflicts')),
      self: selfOf(sections),
    },
  }
}

function ofOpenRc(sections: Sections): ServiceStateReading | undefined {
  const unit = sections.get('name')?.trim() ?? ''
  if (unit === '') return undefined
  const status = sections.get('status')
  if (status === undefined) return { kind: 'absent' }
  const runlevels = words(runlevelsOf(sections.get('runlevels'), unit))
  return {
    kind: 'unit',
    state: {
      init: 'openrc',
      unit,
      names: [unitName(unit)],
      active: openRcState(status).state,
      enabled: runlevels.length > 0 ? 'enabled' : 'disabled',
      fragment: plain(sections.get('script') ?? ''),
      broken: '',
      canReload: true,
      stays: true,
      runlevels,
      triggers: [],
      along: namesIn(sections.get('along')).map(unitName),
      conflicts: [],
      self: selfOf(sections),
    },
  }
}

const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== '')

const namesIn = (text: string | undefined): readonly string[] => [...new Set(linesOf(text ?? '').map(plain))].toSorted()

/** `tailops.service`, of `lxc:101/tailops.service` as well. */
const selfOf = (sections: Sections): string => unitOf(sections.get('self') ?? '').replace(/^.*\//, '')
