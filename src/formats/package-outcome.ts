import { linesOf, plain } from './sections.ts'

/** Why a package manager failed, and what helps. */
export interface PackageProblem {
  readonly problem: string
  readonly next: string
}

const causes: readonly (readonly [RegExp, string, string])[] = [
  [
    /Could not get lock|Unable to acquire the dpkg frontend lock|Unable to lock|could not lock database|(Failed to )?obtain (the |rpm )?transaction lock|already locked by|is locked by the application/i,
    'another package manager is at work; nothing was changed',
    'wait until it has ended and call again',
  ],
  [
    /are you root\?|Permission denied|^sudo: |Root privileges are required|unless you are root|superuser privileges/m,
    'root is needed',
    'allow the package manager in sudo_commands of the target',
  ],
  [/dpkg was interrupted/, 'dpkg was interrupted earlier', 'run dpkg --configure -a on the target'],
  [
    /enough free space|No space left on device|needs \d+\w+ (more space )?on the|not enough free disk space/,
    'the disk of the target is full',
    'free space, then call again',
  ],
  [
    /Version '[^']*' for '[^']*' was not found|Unable to find a match|No match for argument|No provider of '|target not found:/,
    'a planned version is no longer offered; nothing was changed',
    'call again for a new plan',
  ],
  [
    /returned (?:an )?error|error processing/,
    'a package did not install',
    'mend it on the target, then run dpkg --configure -a',
  ],
  [
    /Failed to fetch|Could not resolve|Temporary failure resolving|Error downloading packages|Failed to download metadata|failed retrieving file|Curl error|Download \(curl\) error|have not been refreshed|unable to fetch|temporary error \(try again|failed to (commit transaction|synchronize all databases) \((unexpected error|download library error)\)/i,
    'a download failed',
    'check its network and sources',
  ],
]

/** What the outputs of a failed step mean. */
export function packageProblem(output: string, errorOutput: string): PackageProblem {
  const text = `${errorOutput}\n${output}`
  const broken = /^dpkg: error processing [^\n]*\n([^\n]+)/m.exec(text)?.[1]?.trim()
  const said =
    broken ??
    linesOf(text).find((line) => /^(E: |dpkg: error |sudo: |Error: |ERROR: |error: )/.test(line)) ??
    linesOf(errorOutput)[0] ??
    ''
  const [, problem, next] = causes.find(([pattern]) => pattern.test(text)) ?? [
    undefined,
    'the package manager failed',
    'look at the target itself',
  ]
  return { problem: plain(said === '' ? problem : `${problem}: ${said}`).slice(0, 400), next }
}

/** How far each package came, by its name without architecture: what dpkg said while it worked. */
export function packageProgress(output: string, errorOutput: string): (name: string) => string {
  const set = namesIn(output, /^Setting up (\S+) \(/)
  const gone = namesIn(output, /^Removing (\S+) \(/)
  const unpacked = namesIn(output, /^Unpacking (\S+) \(/)
  const failed = new Set(
    linesOf(`${output}\n${errorOutput}`).flatMap(
      (line) =>
        /^dpkg: error processing (?:package |archive .*\/)([a-z0-9+.-]+)/.exec(line)?.[1]?.split('_', 1)[0] ?? [],
    ),
  )
  return (full) => {
    const name = bare(full)
    if (failed.has(name)) return unpacked.has(name) ? 'failed, unpacked but not configured' : 'failed'
    if (set.has(name)) return 'done'
    if (unpacked.has(name)) return 'unpacked, not configured'
    return gone.has(name) ? 'removed' : 'not done'
  }
}

const bare = (name: string): string => name.split(':', 1)[0] ?? name

const namesIn = (output: string, pattern: RegExp): ReadonlySet<string> =>
  new Set(linesOf(output).flatMap((line) => bare(pattern.exec(line)?.[1] ?? '') || []))

const unread: readonly RegExp[] = [
  /^(?:Err:\d+ |[WE]: Failed to fetch )(\S+)/,
  /^Errors during downloading metadata for repository '([^']+)'/,
  /^Error: Failed to download metadata for repo '([^']+)'/,
  /^Skipping repository '([^']+)' because of/,
  /^error: failed retrieving file '([^']+)\.db'/,
  /^(?:WARNING|ERROR): (?:updating and opening |updating |fetch )?(\w+:\/\/\S+?):? /,
]

/** Sources that a refresh could not read: apt, dnf and apk may end with 0 all the same. */
export const unreadSources = (output: string, errorOutput: string): readonly string[] => [
  ...new Set(
    linesOf(`${output}\n${errorOutput}`).flatMap((line) => {
      const [, source] = unread.map((pattern) => pattern.exec(line)).find((match) => match !== null) ?? []
      return source === undefined
        ? []
        : [
            plain(source)
              .replace(/\/\/[^/@]*@/, '//')
              .slice(0, 200),
          ]
    }),
  ),
]
