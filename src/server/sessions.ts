import { type Server, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import type { Clock } from '../lib/clock.ts'

/** One client of the session-bound protocol revisions (2025-11-25 and before). */
export interface Session {
  readonly id: string
  /** Id of the caller that opened it: nobody else may use it. */
  readonly caller: string
  readonly server: Server
  readonly transport: WebStandardStreamableHTTPServerTransport
  /** Open event streams and calls: it is not idle while there are any. */
  busy: number
  usedMs: number
}

export interface SessionLimits {
  readonly perCaller: number
  readonly total: number
  readonly idleMs: number
}

export const sessionLimits: SessionLimits = { perCaller: 64, total: 1024, idleMs: 30 * 60_000 }

export interface Sessions {
  /** A transport whose `initialize` makes a session; undefined when there are too many. */
  open(caller: string, server: Server): Promise<WebStandardStreamableHTTPServerTransport | undefined>
  find(id: string): Session | undefined
  readonly all: Iterable<Session>
  readonly size: number
  /** Ends sessions that were idle too long. */
  endIdle(): void
  close(): Promise<void>
}

export interface SessionParts {
  readonly clock: Clock
  newId(): string
  readonly limits?: SessionLimits | undefined
}

export function openSessions({ clock, newId, limits = sessionLimits }: SessionParts): Sessions {
  const sessions = new Map<string, Session>()
  const end = (session: Session): void => {
    sessions.delete(session.id)
    void session.server.close()
  }
  const oldest = (caller: string): Session | undefined =>
    [...sessions.values()]
      .filter((session) => session.caller === caller && session.busy === 0)
      .toSorted((a, b) => a.usedMs - b.usedMs)[0]

  /** Makes room: a caller with too many sessions loses the one it has not used for longest. */
  const hasRoom = (caller: string): boolean => {
    const own = [...sessions.values()].filter((session) => session.caller === caller).length
    if (own < limits.perCaller && sessions.size < limits.total) return true
    const idle = oldest(caller)
    if (idle !== undefined) end(idle)
    return idle !== undefined
  }

  return {
    async open(caller, server) {
      if (!hasRoom(caller)) return undefined
      const transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: newId,
        onsessioninitialized: (id) =>
          void sessions.set(id, { id, caller, server, transport, busy: 0, usedMs: clock.elapsedMs() }),
        onsessionclosed: (id) => void sessions.delete(id),
      })
      await server.connect(transport)
      return transport
    },
    find: (id) => sessions.get(id),
    get all() {
      return sessions.values()
    },
    get size() {
      return sessions.size
    },
    endIdle() {
      const before = clock.elapsedMs() - limits.idleMs
      for (const session of sessions.values()) if (session.busy === 0 && session.usedMs <= before) end(session)
    },
    async close() {
      await Promise.all([...sessions.values()].map(({ server }) => server.close()))
      sessions.clear()
    },
  }
}
