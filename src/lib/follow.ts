/** A controller that also aborts when a signal does, until it is released. */
export interface Following extends AbortController {
  /** Ends the tie: the signal no longer holds on to this one. */
  release(): void
}

/** AbortSignal.any for short-lived work beside a longer-lived signal: it leaves nothing behind there. */
export function follow(signal: AbortSignal | undefined): Following {
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  return Object.assign(controller, { release: () => signal?.removeEventListener('abort', onAbort) })
}
