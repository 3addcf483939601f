import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import type { Clock } from '../lib/clock.ts'
import type { Json } from '../lib/json.ts'
import type { Logger } from '../lib/log.ts'
import type { Head } from './audit-chain.ts'
import { signHead } from './audit-head.ts'
import type { Signer } from './fleet-export.ts'

/** Where signed heads of the audit log are put, out of reach of whoever could change the log. */
export type AnchorPlace =
  | { readonly kind: 'file'; readonly path: string }
  /** A line of the gateway's own log, which a service's journal keeps and forwards. */
  | { readonly kind: 'journal' }
  | { readonly kind: 'http'; readonly url: string }

export interface AnchorParts {
  readonly places: readonly AnchorPlace[]
  readonly everyMs: number
  readonly clock: Clock
  readonly log: Logger
  readonly audit: { head(): Head }
  identity(): Signer
  readonly post?: typeof fetch
}

const answerWithinMs = 10_000

/** Anchors the log now, at every interval in which it has grown, and once more at the end. What fails is tried again next time. */
export async function anchorUntil(parts: AnchorParts, over: AbortSignal): Promise<void> {
  if (parts.places.length === 0) return
  const anchored = new Map<AnchorPlace, number>()
  do await anchorOnce(parts, anchored)
  while (await slept(parts, over))
  await anchorOnce(parts, anchored)
}

const slept = ({ clock, everyMs }: AnchorParts, over: AbortSignal): Promise<boolean> =>
  clock.sleep(everyMs, over).then(
    () => true,
    () => false,
  )

async function anchorOnce(parts: AnchorParts, anchored: Map<AnchorPlace, number>): Promise<void> {
  const { places, log, audit, identity, clock } = parts
  for (const place of places) {
    try {
      const head = audit.head()
      if (head.seq === 0 || anchored.get(place) === head.seq) continue
      await put(parts, place, signHead(head, identity(), { at: clock.now() }))
      anchored.set(place, head.seq)
    } catch (error) {
      log.error('the audit log could not be anchored', { place, error })
    }
  }
}

async function put({ log, post = fetch }: AnchorParts, place: AnchorPlace, head: Json): Promise<void> {
  switch (place.kind) {
    case 'journal':
      return log.warn('audit_anchor', { head })
    case 'file':
      return appendDurably(place.path, `${JSON.stringify(head)}\n`)
    case 'http': {
      const { ok, status } = await post(place.url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(head),
        redirect: 'error',
        signal: AbortSignal.timeout(answerWithinMs),
      })
      if (!ok) throw new Error(`${place.url} answered ${status}`)
    }
  }
}

function appendDurably(path: string, line: string): void {
  const file = openSync(path, 'a', 0o600)
  try {
    writeSync(file, line)
    fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
}
