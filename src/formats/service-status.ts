import { withoutEmpty } from './rows.ts'
import { linesOf, parseSections, plain, rounded, wholeNumber } from './sections.ts'
import { openRcState, openRcStateOf, parseShow, runlevelsOf, saidIn } from './service-show.ts'

/** What `read/service-status` found. `none`: no init system that we know; `refused`: it did not answer. */
export type ServiceReading =
  | { readonly kind: 'unit'; readonly service: ServiceStatus }
  | { readonly kind: 'services'; readonly rows: readonly ServiceRow[] }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly said: string }
  | { readonly kind: 'none'; readonly init: string }

/** One service at one moment. */
export interface ServiceStatus {
  /** Its own name, also when an alias was asked for. */
  readonly service: string
  /** `active`, `inactive`, `failed`, `activating`, …: systemd's words, also for OpenRC. */
  readonly state: string
  /** `running`, `exited`, `dead`, …, or OpenRC's own word. */
  readonly sub?: string | undefined
  /** `enabled`, `disabled`, `static`, `masked`, …; of OpenRC with its runlevels: `enabled (default)`. */
  readonly enabled?: string | undefined
  /** In this state since: `2026-11-21T08:39Z`. */
  readonly since?: string | undefined
  readonly main_pid?: number | undefined
  readonly memory_mib?: number | undefined
  readonly restarts?: number | undefined
  /** How it ended, when not well: `exit-code (status 3)`. */
  readonly result?: string | undefined
  readonly description?: string | undefined
  readonly note?: string | undefined
  /** Last lines, oldest first. */
  readonly journal?: string | undefined
  readonly not_measured?: string | undefined
}

/** One row of the list. */
export interface ServiceRow {
  /** Without `.service`. */
  readonly name: string
  readonly state: string
  readonly sub: string
  readonly description: string
}

const longestLine = 400
const longestDescription = 60

/** Reads what `read/service-status` printed; undefined when it is not its answer. */
export function parseServiceStatus(output: string): ServiceReading | undefined {
  const sections = parseSections(output)
  const none = sections.get('none')
  if (none !== undefined) return { kind: 'none', init: plain(none) }
  const failed = sections.get('failed')
  if (failed !== undefined) return { kind: 'refused', said: saidIn(failed) }
  if (sections.has('systemd')) return systemdReading(sections)
  return sections.has('openrc') ? openRcReading(sections) : undefined
}

type Sections = ReadonlyMap<string, string>

function systemdReading(sections: Sections): ServiceReading | undefined {
  const units = sections.get('units')
  if (units !== undefined) return { kind: 'services', rows: sorted(linesOf(units).flatMap(rowOf)) }
  const show = parseShow(sections.get('show') ?? '')
  const of = (key: string): string => show.get(key) ?? ''
  if (of('Id') === '') return undefined
  if (of('LoadState') === 'not-found') return { kind: 'absent' }
  const journal = journalOf(sections)
  const memory = numberOf(of('MemoryCurrent'))
  const isActive = of('ActiveState') === 'active'
  return {
    kind: 'unit',
    service: withoutEmpty({
      service: of('Id'),
      state: of('ActiveState'),
      sub: of('SubState'),
      enabled: of('UnitFileState'),
      since: minutes(of('StateChangeTimestamp')),
      main_pid: positive(of('MainPID')),
      memory_mib: memory === undefined ? undefined : rounded(memory / 1024 ** 2, 1),
      restarts: positive(of('NRestarts')),
      result: resultOf(show),
      description: of('Description') === of('Id') ? '' : of('Description'),
      note: noteOf(show),
      journal: journal.text,
      not_measured: [isActive && memory === undefined ? 'memory (not accounted)' : '', journal.missing]
        .filter((part) => part !== '')
        .join(', '),
    }),
  }
}

/** `nginx.service loaded active running A high performance web server` */
function rowOf(line: string): readonly ServiceRow[] {
  const [name, , state, sub, ...description] = line.replace(/^[●*×○\s]+/, '').split(/\s+/)
  if (name === undefined || state === undefined || sub === undefined) return []
  return [
    {
      name: plain(name).replace(/\.service$/, ''),
      state: plain(state),
      sub: plain(sub),
      description: shortened(plain(description.join(' '))),
    },
  ]
}

const shortened = (text: string): string =>
  text.length > longestDescription ? `${text.slice(0, longestDescription - 1)}…` : text

/** Failed first, then what is on its way, then what runs; each by name. */
function sorted(rows: readonly ServiceRow[]): readonly ServiceRow[] {
  const rank = ({ state }: ServiceRow) => (state === 'failed' ? 0 : state === 'active' ? 2 : 1)
  return rows.toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
}

/** `Sat 2026-11-21 08:39:33 UTC`, as printed with TZ=UTC, to the minute. */
function minutes(text: string): string | undefined {
  const [, day, time] = /(\d{4}-\d\d-\d\d) (\d\d:\d\d)(?::\d\d)? UTC$/.exec(text) ?? []
  return day === undefined ? undefined : `${day}T${time}Z`
}

/** systemd says 2^64-1 or `[not set]` for what it does not account. */
function numberOf(text: string): number | undefined {
  const number = wholeNumber(text)
  return number === undefined || number > Number.MAX_SAFE_INTEGER ? undefined : number
}

function positive(text: string): number | undefined {
  const number = numberOf(text)
  return number === 0 ? undefined : number
}

function resultOf(show: ReadonlyMap<string, string>): string | undefined {
  const result = show.get('Result') ?? ''
  if (result === 'success') return undefined
  const status = positive(show.get('ExecMainStatus') ?? '')
  // CLD_EXITED is 1, CLD_KILLED 2 and CLD_DUMPED 3 (wait(2)).
  const what = show.get('ExecMainCode') === '1' ? 'status' : 'signal'
  return status === undefined || result === '' ? result : `${result} (${what} ${status})`
}

function noteOf(show: ReadonlyMap<string, string>): string {
  const load = show.get('LoadState')
  if (load === 'masked') return 'masked: it cannot be started'
  if (load !== 'loaded') return `unit file ${load}: ${show.get('LoadError') ?? ''}`.trim()
  return show.get('NeedDaemonReload') === 'yes' ? 'the unit file changed on disk since it was loaded' : ''
}

function journalOf(sections: Sections): { readonly text: string; readonly missing: string } {
  const text = linesOf(sections.get('journal') ?? '')
    .map(plain)
    .map((line) => (line.length > longestLine ? `${line.slice(0, longestLine)}…` : line))
    .map((line) => line.replace(/^(\S+)\+0000 /, '$1Z '))
  const code = sections.get('journal_end')?.trim()
  if (text.length > 0) return { text: text.join('\n'), missing: '' }
  if (code === undefined) return { text: '', missing: 'journal (no journalctl)' }
  if (code === '137') return { text: '', missing: 'journal (no answer within 10 s)' }
  return { text: '', missing: code === '0' ? '' : 'journal (not readable by this user)' }
}

function openRcReading(sections: Sections): ServiceReading | undefined {
  const services = sections.get('services')
  if (services !== undefined) return { kind: 'services', rows: sorted(linesOf(services).flatMap(openRcRowOf)) }
  const name = sections.get('name')?.trim() ?? ''
  if (name === '') return undefined
  const status = sections.get('status')
  if (status === undefined) return { kind: 'absent' }
  const runlevels = runlevelsOf(sections.get('runlevels'), name)
  const started = wholeNumber(sections.get('started'))
  const rss = wholeNumber(/^VmRSS:\s*(\d+) kB/.exec(sections.get('memory') ?? '')?.[1])
  return {
    kind: 'unit',
    service: withoutEmpty({
      service: name,
      ...openRcState(status),
      enabled: runlevels === '' ? 'disabled' : `enabled (${runlevels})`,
      since: started === undefined ? undefined : `${new Date(started * 1000).toISOString().slice(0, 16)}Z`,
      main_pid: wholeNumber(sections.get('pid')),
      memory_mib: rss === undefined ? undefined : rounded(rss / 1024, 1),
      description: plain(/^ \* (.*)$/m.exec(sections.get('describe') ?? '')?.[1] ?? ''),
      not_measured: 'journal (OpenRC keeps none)',
    }),
  }
}

/** ` sshd   [  started 01:23:45 (0) ]` */
function openRcRowOf(line: string): readonly ServiceRow[] {
  const [, name, word] = /^\s*(\S+)\s.*\[\s*(\w+)/.exec(line) ?? []
  if (name === undefined || word === undefined || word === 'stopped') return []
  return [{ name: plain(name), state: openRcStateOf(word), sub: word, description: '' }]
}
