import { linesOf, parseSections, plain, wholeNumber } from './sections.ts'
import { type PackageUpdate, type Pending, parsers } from './updates-managers.ts'
import { spanOf } from './uptime.ts'

/** What is pending on a machine. */
export interface Updates {
  /** `apt`, `dnf`, `apk`, `pacman` or `zypper`. */
  readonly manager: string
  /** Security first, then by name. */
  readonly rows: readonly PackageUpdate[]
  /** Undefined where the manager does not tell. */
  readonly securityCount: number | undefined
  /** Packages that stay behind, e.g. on hold. */
  readonly keptBack: number | undefined
  /** Since the index was refreshed: `2h 5m`; undefined when there is none. */
  readonly indexAge: string | undefined
  /** Undefined when nothing on the machine would tell. */
  readonly rebootRequired: boolean | undefined
  readonly notMeasured: readonly string[]
}

/** Why there is no answer: no manager that is known, or what the manager said when it failed. */
export type NoUpdates = { readonly failed: 'no_manager' } | { readonly failed: 'manager'; readonly said: string }

/** Reads what `read/updates` printed; undefined when it was not that. */
export function parseUpdates(output: string): Updates | NoUpdates | undefined {
  const sections = parseSections(output)
  const program = sections.get('manager')?.trim()
  if (program === undefined) return undefined
  if (program === 'none') return { failed: 'no_manager' }
  const parser = parsers.get(program)
  const end = endOf(sections.get('list_end'))
  if (parser === undefined || end === undefined) return undefined
  const manager = program === 'apt-get' ? 'apt' : program
  if (!parser.endsWell(end.code, end.said)) {
    return { failed: 'manager', said: `${manager} ended with ${end.code}${end.said === '' ? '' : `: ${end.said}`}` }
  }
  const pending = parser.parse(sections)
  const indexAge = ageOf(sections)
  const rebootRequired = rebootOf(sections)
  return {
    manager,
    rows: pending.rows.toSorted(bySecurityAndName),
    securityCount: pending.securityCount,
    keptBack: pending.keptBack,
    indexAge,
    rebootRequired,
    notMeasured: gaps(pending, { indexAge, rebootRequired }),
  }
}

const gaps = (pending: Pending, { indexAge, rebootRequired }: Pick<Updates, 'indexAge' | 'rebootRequired'>) => [
  ...(pending.notMeasured ?? []),
  ...(indexAge === undefined ? ['updates (no package index was found that this user can read)'] : []),
  ...(rebootRequired === undefined ? ['whether a reboot is due'] : []),
]

const bySecurityAndName = (a: PackageUpdate, b: PackageUpdate): number =>
  Number(b.security ?? false) - Number(a.security ?? false) || (a.package < b.package ? -1 : 1)

interface End {
  readonly code: number
  readonly said: string
}

/** `100 Error: …` */
function endOf(text: string | undefined): End | undefined {
  const [, code, said = ''] = /^(\d+) ?(.*)/.exec(text ?? '') ?? []
  return code === undefined ? undefined : { code: Number(code), said: plain(said).slice(0, 300) }
}

function ageOf(sections: ReadonlyMap<string, string>): string | undefined {
  const now = wholeNumber(sections.get('now'))
  const stamps = linesOf(sections.get('index')).flatMap((line) => wholeNumber(line) ?? [])
  if (now === undefined || stamps.length === 0) return undefined
  return spanOf(Math.max(0, now - Math.max(...stamps)))
}

/** By our own look; by `dnf needs-restarting -r` (says it in words); by `zypper needs-rebooting` (102, since 1.14.15). */
function rebootOf(sections: ReadonlyMap<string, string>): boolean | undefined {
  const looked = sections.get('reboot')?.trim()
  if (looked === 'yes' || looked === 'no') return looked === 'yes'
  const end = endOf(sections.get('needs_end'))
  if (end?.code === 102 || /^Reboot is required/m.test(sections.get('needs') ?? '')) return true
  return end?.code === 0 ? false : undefined
}
