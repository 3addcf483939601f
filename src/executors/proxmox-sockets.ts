import type { Socket } from 'node:net'

const keptAtMost = 8
const idleMs = 30_000

interface Kept {
  readonly socket: Socket
  release(): void
}

/** Connections that wait for their next request, by base URL. pveproxy closes them after every error and after 100 requests. */
export class ProxmoxSockets {
  readonly #kept = new Map<string, Kept[]>()
  #closed = false

  /** The one used last; the others may rest until they are too old. */
  take(baseUrl: string): Socket | undefined {
    for (;;) {
      const kept = this.#kept.get(baseUrl)?.pop()
      if (kept === undefined) return undefined
      const { socket, release } = kept
      release()
      // What was said without being asked is no answer to the next request.
      if (socket.destroyed || socket.readableLength > 0) socket.destroy()
      else return socket.ref()
    }
  }

  /** Keeps a connection, or closes it when there are enough. What the peer says or does on it meanwhile ends it. */
  give(baseUrl: string, socket: Socket): void {
    if (socket.destroyed || !socket.writable) return
    const idle = this.#kept.get(baseUrl) ?? []
    if (this.#closed || idle.length >= keptAtMost) return void socket.destroy()
    const end = () => socket.destroy()
    const gone = () => {
      this.#kept.set(
        baseUrl,
        (this.#kept.get(baseUrl) ?? []).filter((kept) => kept.socket !== socket),
      )
    }
    socket.setTimeout(idleMs, end)
    socket.once('end', end)
    socket.once('close', gone)
    socket.unref()
    const release = () => {
      socket.setTimeout(0)
      socket.off('timeout', end)
      socket.off('end', end)
      socket.off('close', gone)
    }
    this.#kept.set(baseUrl, [...idle, { socket, release }])
  }

  /** Closes all, and from now on keeps none. */
  close(): void {
    this.#closed = true
    for (const { socket, release } of [...this.#kept.values()].flat()) {
      release()
      socket.destroy()
    }
    this.#kept.clear()
  }
}
