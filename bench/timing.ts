import { spawn } from 'node:child_process'
import { quantile, shown } from './figures.ts'

/** How long it took, milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** Times of each way, measured in turns; which comes first changes with every round. */
export async function inTurns<Way extends string>(
  rounds: number,
  ways: Readonly<Record<Way, () => Promise<number>>>,
): Promise<Readonly<Record<Way, readonly number[]>>> {
  // Object.entries forgets the names of the keys.
  const entries = Object.entries(ways) as [Way, () => Promise<number>][]
  const times = Object.fromEntries(entries.map(([way]) => [way, []])) as unknown as Record<Way, number[]>
  for (let round = 0; round < rounds; round++)
    for (const [way, measure] of round % 2 === 0 ? entries : entries.toReversed()) times[way].push(await measure())
  return times
}

/** A row of a table: the ratios of p50 and p95 first, then both sides. */
export function comparison(what: string, ours: readonly number[], theirs: readonly number[]): readonly string[] {
  const [ourP50, theirP50] = [quantile(ours, 0.5), quantile(theirs, 0.5)]
  const [ourP95, theirP95] = [quantile(ours, 0.95), quantile(theirs, 0.95)]
  const ratios = [ourP50 / theirP50, ourP95 / theirP95].map((ratio) => ratio.toFixed(2))
  return [what, ...ratios, shown(ourP50), shown(theirP50), shown(ourP95), shown(theirP95)]
}

/** Above rows of `comparison`. */
export const comparisonHead = (theirs: string): readonly string[] => [
  'What',
  'ratio p50',
  'ratio p95',
  'tailops p50 ms',
  `${theirs} p50 ms`,
  'tailops p95 ms',
  `${theirs} p95 ms`,
]

/** Runs a program to its end, its output dropped. @throws when it fails */
export const run = (program: string, args: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore'] })
    child.once('error', reject)
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`exit ${code}: ${program} ${args.join(' ').slice(0, 200)}`)),
    )
  })
