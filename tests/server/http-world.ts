import type { Server } from '@modelcontextprotocol/server'
import { capabilities } from '../../src/core/capability.ts'
import type { Tokens } from '../../src/core/ports.ts'
import type { Caller } from '../../src/core/target.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { logger } from '../../src/lib/log.ts'
import { randomId } from '../../src/lib/random-id.ts'
import { tokenAuth } from '../../src/server/auth/token.ts'
import { namesOf } from '../../src/server/guard.ts'
import { openHoldBack } from '../../src/server/hold-back.ts'
import { type HttpApp, httpApp } from '../../src/server/http.ts'
import { type Limited, openLimits, type Rates } from '../../src/server/limits.ts'
import { listen } from '../../src/server/listen.ts'
import { openSessions, type SessionLimits, type Sessions } from '../../src/server/sessions.ts'

/** The product's HTTP side on a free port of loopback, before any MCP server that a test gives. */
export interface HttpWorld {
  readonly url: string
  readonly app: HttpApp
  readonly sessions: Sessions
  /** Callers that used a session of somebody else. */
  readonly foreign: readonly string[]
  /** Who was answered 429 from a moment on. */
  readonly limited: readonly Limited[]
  /** Tokens that hold, and until when; a test changes it. */
  readonly tokens: Map<string, { readonly caller: Caller; readonly expiresAt: Date }>
  stop(): Promise<void>
}

export async function openHttpWorld(options: {
  serverFor(caller: Caller): Server
  readonly clock?: Clock
  readonly limits?: SessionLimits
  /** Left out: any number of calls. */
  readonly rates?: Rates
  readonly asksOthers?: boolean
  /** Left out: answers 429 go out at once. */
  readonly holdBackMs?: number
  /** Answers instead of the tokens, as long as it does. */
  authenticate?(): Response | undefined
  isCrowded?(caller: string): boolean
}): Promise<HttpWorld> {
  const clock = options.clock ?? systemClock
  const tokens: HttpWorld['tokens'] = new Map()
  const verify: Tokens['verify'] = (token) => {
    const found = tokens.get(token)
    return found !== undefined && found.expiresAt > clock.now() ? found : undefined
  }
  const foreign: string[] = []
  const limited: Limited[] = []
  const sessions = openSessions({ clock, newId: () => randomId(32), limits: options.limits })
  const app = httpApp({
    names: namesOf({ host: '127.0.0.1' }, undefined, 'localhost'),
    authenticate: (request) => options.authenticate?.() ?? tokenAuth({ verify })(request),
    sessions,
    holdBack: openHoldBack(clock, options.holdBackMs ?? 0),
    limits: openLimits({
      asksOthers: options.asksOthers ?? false,
      rates: options.rates ?? { read: 0, probe: 0, write: 0, destructive: 0 },
      tools: [{ name: 'change', risk: 'write' }],
      elapsedMs: clock.elapsedMs,
      isCrowded: options.isCrowded ?? (() => false),
      onLimited: (one) => limited.push(one),
    }),
    clock,
    log: logger('error', (line) => process.stderr.write(line), clock.now),
    serverFor: options.serverFor,
    ready: () => true,
    frozen: () => false,
    foreignSession: ({ id }) => foreign.push(id),
  })
  const listener = await listen({ host: '127.0.0.1', port: 0 }, app.fetch)
  return {
    url: `http://127.0.0.1:${listener.port}/mcp`,
    app,
    sessions,
    foreign,
    limited,
    tokens,
    async stop() {
      await app.close(1000)
      await listener.stop()
    },
  }
}

/** A caller who holds everything, and a token that proves it for an hour. */
export function letIn(world: HttpWorld, name: string, clock: Clock = systemClock): { readonly token: string } {
  const token = `tops_${name}_${'0'.repeat(40)}`
  const expiresAt = new Date(clock.now().getTime() + 3_600_000)
  world.tokens.set(token, { caller: { id: `token:${name}`, scopes: capabilities }, expiresAt })
  return { token }
}
