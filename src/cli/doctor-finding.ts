/** How a thing stands: a problem is to be mended, a warning is to be known. */
export type Level = 'ok' | 'warning' | 'problem'

/** One thing that was looked at. Never holds a secret. */
export interface Finding {
  readonly level: Level
  /** `config`, `files`, `port`, `state`, `targets`, `tailscale`, `clock`, `environment`. */
  readonly area: string
  readonly what: string
  /** What to do. */
  readonly fix?: string | undefined
}

/** Makes the findings of one area. */
export const findingsOf = (area: string) => ({
  ok: (what: string): Finding => ({ level: 'ok', area, what }),
  warning: (what: string, fix?: string): Finding => ({ level: 'warning', area, what, fix }),
  problem: (what: string, fix?: string): Finding => ({ level: 'problem', area, what, fix }),
})

/** What went wrong, in words. */
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
