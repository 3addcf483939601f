import { GatewayError } from './errors.ts'

/** A version of Semantic Versioning 2.0.0, without build metadata. */
export const versionPattern =
  /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/

/** Below, at or above zero as `a` is older than, the same as or newer than `b`. @throws TypeError for what is no version */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)]
  for (const [index, number] of left.numbers.entries()) {
    const difference = number - (right.numbers[index] ?? 0)
    if (difference !== 0) return difference
  }
  return compareEarly(left.early, right.early)
}

/** What an offered release must be for the one that runs. */
export interface VersionRules {
  readonly current: string
  readonly offered: { readonly version: string; readonly min_version: string; readonly channel: string }
  /** The version that was asked for by name. */
  readonly wanted?: string | undefined
  /** The channel that was asked; undefined: any. */
  readonly channel?: string | undefined
  readonly allowDowngrade: boolean
}

/** Whether there is something to do. @throws GatewayError denied when the rules forbid it */
export function judgeVersion(rules: VersionRules): 'newer' | 'same' | 'older' {
  const { current, offered, wanted, channel, allowDowngrade } = rules
  if (wanted !== undefined && offered.version !== wanted) {
    throw new GatewayError('denied', `asked for version ${wanted}, the signed manifest is of ${offered.version}`)
  }
  if (channel === 'stable' && offered.channel !== 'stable') {
    throw new GatewayError('denied', `${offered.version} is of the channel ${offered.channel}, not of stable`, {
      hint: `tailops update --channel ${offered.channel} takes it`,
    })
  }
  const difference = compareVersions(offered.version, current)
  if (difference === 0) return 'same'
  if (difference < 0 && !allowDowngrade) {
    throw new GatewayError('denied', `${offered.version} is older than ${current}, which runs`, {
      hint: 'tailops update --rollback goes back to the version before; --allow-downgrade installs any older one',
    })
  }
  if (compareVersions(current, offered.min_version) < 0) {
    throw new GatewayError(
      'denied',
      `${offered.version} can be reached from ${offered.min_version} on, ${current} runs`,
      {
        hint: `first run tailops update --version ${offered.min_version}`,
      },
    )
  }
  return difference < 0 ? 'older' : 'newer'
}

interface Parsed {
  readonly numbers: readonly number[]
  readonly early: readonly string[]
}

function parse(version: string): Parsed {
  const [, major, minor, patch, early] = versionPattern.exec(version) ?? []
  if (major === undefined) throw new TypeError(`${JSON.stringify(version)} is no version`)
  return { numbers: [major, minor, patch].map(Number), early: early?.split('.') ?? [] }
}

/** https://semver.org/#spec-item-11: an early version is older than its final one; numbers are older than words. */
function compareEarly(left: readonly string[], right: readonly string[]): number {
  if (left.length === 0 || right.length === 0) return right.length - left.length
  for (const [index, word] of left.entries()) {
    const other = right[index]
    if (other === undefined) return 1
    if (word !== other) return compareWords(word, other)
  }
  return left.length - right.length
}

function compareWords(left: string, right: string): number {
  const [number, other] = [left, right].map((word) => (/^\d+$/.test(word) ? Number(word) : undefined))
  if (number !== undefined && other !== undefined) return number - other
  if (number !== undefined || other !== undefined) return number === undefined ? 1 : -1
  return left < right ? -1 : 1
}
