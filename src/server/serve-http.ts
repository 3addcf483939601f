import type { AuthSettings } from '../config/auth-settings.ts'
import { GatewayError } from '../core/errors.ts'
import type { AuditLog, AuditRecord, Tokens } from '../core/ports.ts'
import type { Caller } from '../core/target.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import { openTokenBuckets } from '../lib/token-buckets.ts'
import { openAuth } from './auth/open-auth.ts'
import { refuseByScope } from './auth/scope.ts'
import { isOfTailnet } from './auth/tailscale.ts'
import { callerOf } from './caller-of.ts'
import { isLoopback, namesOf } from './guard.ts'
import { openHoldBack } from './hold-back.ts'
import { type HttpApp, httpApp } from './http.ts'
import { type Limited, openLimits, type Rates } from './limits.ts'
import { type ListenAddress, type Listener, listen } from './listen.ts'
import { mcpServer } from './mcp.ts'
import type { McpParts } from './mcp-parts.ts'
import type { Gauges, Metrics } from './metrics.ts'
import { openSessions } from './sessions.ts'

/** What a gateway on the network needs. */
export interface HttpServiceParts {
  readonly address: ListenAddress
  readonly baseUrl?: string | undefined
  readonly hostname: string
  readonly auth: AuthSettings
  readonly tokens: Tokens
  readonly audit: AuditLog
  readonly rates: Rates
  readonly metrics: Metrics
  /** What is so now, but for the sessions, which are known here. */
  gauges(): Omit<Gauges, 'sessions'>
  /** Whether as many calls of this caller run and wait as may. */
  isCrowded(caller: string): boolean
  readonly clock: Clock
  readonly log: Logger
  current(): McpParts
  newId(length: number): string
  ready(): boolean
  frozen(): boolean
}

export interface HttpService extends Pick<HttpApp, 'changed'> {
  readonly url: string
  /** Takes no further calls, lets those that run finish, and stops. */
  close(): Promise<void>
}

const finishWithinMs = 50_000

/** @throws GatewayError invalid_config */
export async function serveHttp(parts: HttpServiceParts): Promise<HttpService> {
  const { address, auth, clock, log, current } = parts
  refuseToListen(auth.mode, address.host)
  const sessions = openSessions({ clock, newId: () => parts.newId(32) })
  const app = httpApp({
    names: namesOf(address, parts.baseUrl, parts.hostname),
    ...openAuth(auth, { ...parts, onForged: forgedRecorder(parts) }),
    sessions,
    holdBack: openHoldBack(clock, 1000),
    limits: openLimits({
      rates: parts.rates,
      asksOthers: auth.mode === 'oidc',
      tools: current().tools,
      elapsedMs: clock.elapsedMs,
      isCrowded: parts.isCrowded,
      onAnswered: parts.metrics.limited,
      onLimited(limited) {
        log.warn('too many', { ...limited })
        void recordLimited(parts, limited)
      },
    }),
    clock,
    log,
    serverFor: (_caller, only) => mcpServer({ current, callerOf, only }),
    ready: parts.ready,
    frozen: parts.frozen,
    metrics: (caller) =>
      readsGateway(current(), caller) ? parts.metrics.text({ ...parts.gauges(), sessions: sessions.size }) : undefined,
    refuse: refuseByScope(current),
    foreignSession: (caller, session) => {
      log.warn('session of another caller', { caller: caller.id, owner: session.caller })
      void recordForeign(parts, caller.id, session.caller)
    },
  })
  const listener = await listen(address, app.fetch).catch(async (error: unknown) => {
    await app.close(0)
    throw error
  })
  return { url: urlOf(listener), changed: app.changed, close: () => close(app, listener) }
}

/** Where an address must not be able to lie, only those are listened on that others cannot reach. @throws GatewayError invalid_config */
function refuseToListen(mode: AuthSettings['mode'], host: string): void {
  const isOpen = mode === 'none' ? !isLoopback(host) : mode === 'tailscale' && !isLoopback(host) && !isOfTailnet(host)
  if (!isOpen) return
  const [how, only] =
    mode === 'none'
      ? ['without authentication', 'loopback']
      : ['with TAILOPS_AUTH_MODE=tailscale', 'loopback or an address of the tailnet']
  throw new GatewayError('invalid_config', `${how} only ${only} is listened on, not ${host}`, {
    hint: 'unset TAILOPS_AUTH_MODE, or TAILOPS_LISTEN=127.0.0.1:8080',
  })
}

/** As for the tools that show the gateway itself: granted, held, and not denied by policy. */
const readsGateway = (parts: McpParts, caller: Caller): boolean =>
  parts.visible(caller).some(({ capability }) => capability === 'gateway:read')

async function close(app: HttpApp, listener: Listener): Promise<void> {
  await app.close(finishWithinMs)
  await listener.stop()
}

const urlOf = ({ host, port }: Listener): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}/mcp`

function recordLimited(parts: HttpServiceParts, { what, who }: Limited): Promise<void> {
  const caller = what === 'logins' || what === 'requests' ? `address:${who}` : who
  return record(parts, { event: 'limited', caller, result: 'busy', reason: `too many ${what}; answered 429` })
}

function recordForeign(parts: HttpServiceParts, caller: string, owner: string): Promise<void> {
  return record(parts, { event: 'session', caller, result: 'denied', reason: `used the id of a session of ${owner}` })
}

/** Once a minute for each address: it is for them to choose how often they try. */
function forgedRecorder(parts: HttpServiceParts): (address: string, claimed: string) => void {
  const told = openTokenBuckets({ count: 1, perMs: 60_000, elapsedMs: parts.clock.elapsedMs })
  return (address, claimed) => {
    if (told.take(address) > 0) return
    parts.log.warn('forged identity', { address, claimed })
    const reason = `claimed to be ${claimed.slice(0, 200)} in a header that only tailscaled may write; it was ignored`
    void record(parts, { event: 'forged', caller: `address:${address}`, result: 'denied', reason })
  }
}

/** If even this cannot be written, the log line before it tells. */
async function record(
  { audit, clock, log, newId }: HttpServiceParts,
  what: Pick<AuditRecord, 'event' | 'caller' | 'result' | 'reason'>,
): Promise<void> {
  try {
    await audit.append({ at: clock.now().toISOString(), call: newId(12), ...what })
  } catch (error) {
    log.error('audit', { error })
  }
}
