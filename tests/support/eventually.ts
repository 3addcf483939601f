import { turn } from './turn.ts'
/** Resolves when `holds` does; looks again whenever the event loop has turned, for 10 s at most. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const until = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > until) throw new Error(`never came true: ${what}`)
    await turn()
  }
}
