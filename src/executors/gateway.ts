import { GatewayError } from '../core/errors.ts'
import type { Executor, Limits } from '../core/executor.ts'
import type { FleetStore } from '../core/fleet-ports.ts'
import type { Outcome } from '../core/operation.ts'
import type { Policy } from '../core/policy.ts'
import type { ApprovalState, Approvals, AuditFilter, AuditLog, Outputs } from '../core/ports.ts'
import type { Target } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'
import { type Clock, within } from '../lib/clock.ts'
import { follow } from '../lib/follow.ts'
import type { Json } from '../lib/json.ts'
import { characterStart } from '../lib/utf8.ts'
import type { Contacts } from './contacts.ts'
import { changesOf, findingsOf, fleetOf } from './gateway-fleet.ts'
import { decisionsOf, heldBy } from './gateway-policy.ts'
import { dialFromHere, performProbe } from './own-probe.ts'

/** What the gateway knows of itself. */
export interface GatewayParts {
  readonly targets: readonly Target[]
  readonly tools: readonly Tool[]
  readonly policy: Policy
  readonly approvals: Approvals
  readonly audit: AuditLog
  readonly outputs: Outputs
  readonly contacts: Contacts
  readonly clock: Clock
  /** How a change stands, after waiting for its end; undefined for an unknown one. */
  job(id: string, withinMs: number, signal: AbortSignal): Promise<Json | undefined>
  /** Asks a change to stop; false when this process does not perform it. */
  cancel(id: string): boolean
  /** Its own state, measured now. */
  health(): Json
  readonly fleet: FleetStore
  /** Looks at the named sources of the fleet now, or at all: how each look ended. */
  discover(sources: readonly string[] | undefined): Promise<Json>
}

interface Asked {
  readonly query: URLSearchParams
  /** The last part of the path, for paths that name something. */
  readonly name: string
  readonly limits: Limits
}

type Answer = Json | undefined | Promise<Json | undefined>

/** Answers requests about the gateway itself, from its stores: `GET /targets`, `GET /jobs/ID?wait_ms=50000`, `GET /audit?limit=20&events=all`. Nothing here changes a target. */
export function openGatewayTarget(parts: GatewayParts): Executor {
  const routes: Readonly<Record<string, (asked: Asked) => Answer>> = {
    'GET /targets': ({ query }) => targetsOf(parts, query.get('caller') ?? undefined),
    'GET /tools': () => parts.tools.map(rightsOf),
    'GET /decisions': ({ query }) => decisionsOf(parts, query.get('ask') ?? '', parts.clock.now()),
    'GET /health': () => parts.health(),
    'GET /approvals': (asked) => approvalsOf(parts, asked),
    'GET /audit': (asked) => auditOf(parts, asked),
    'GET /fleet': () => fleetOf(parts.fleet),
    'GET /fleet/:name': ({ name, query }) => aboutFleet(parts.fleet, name, query),
    'POST /discovery': ({ query }) => parts.discover(query.has('source') ? query.getAll('source') : undefined),
    'GET /outputs/:name': (asked) => outputOf(parts, asked),
    'GET /jobs/:name': ({ name, query, limits }) => parts.job(name, numberIn(query, 'wait_ms', 0), limits.signal),
    'POST /jobs/:name/cancel': ({ name }) => ({ cancelled: parts.cancel(name) }),
  }
  return {
    async perform(operation, limits) {
      if (operation.kind !== 'request')
        throw new GatewayError('internal', 'the gateway answers requests, no commands and scripts')
      if (operation.path.startsWith('probe:'))
        return performProbe(operation, limits, { clock: parts.clock, dial: dialFromHere })
      const { pathname, searchParams } = new URL(operation.path, 'http://gateway')
      const [, collection = '', ...named] = pathname.split('/')
      const [encoded, ...acts] = named
      const name = encoded === undefined ? '' : decoded(encoded)
      const path = ['', collection, ...(encoded === undefined ? [] : [':name']), ...acts].join('/')
      const route = name === undefined ? undefined : routes[`${operation.method} ${path}`]
      const began = parts.clock.elapsedMs()
      const body = route && (await answered(route, { query: searchParams, name: name ?? '', limits }, parts.clock))
      return outcomeOf(body, limits.maxOutputBytes, parts.clock.elapsedMs() - began)
    },
    reconcile: async () => ({ state: 'unknown', reason: 'the gateway itself is only read' }),
    async close() {
      // Its stores are closed by who opened them.
    },
  }
}

/** One part of a path; undefined where its encoding is broken, which names nothing. */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

/** @throws GatewayError cancelled, timeout */
async function answered(route: (asked: Asked) => Answer, asked: Asked, clock: Clock): Promise<Json | undefined> {
  const { signal, timeoutMs } = asked.limits
  if (signal.aborted) throw new GatewayError('cancelled', 'the caller cancelled before it began')
  const over = follow(signal)
  const answer = route({ ...asked, limits: { ...asked.limits, signal: over.signal } })
  if (!(answer instanceof Promise)) {
    over.release()
    return answer
  }
  const found = await within(
    { clock, ms: timeoutMs, signal },
    answer.then((body) => ({ body })),
  ).finally(() => {
    over.release()
    over.abort()
  })
  if (found !== undefined) return found.body
  if (signal.aborted) throw new GatewayError('cancelled', 'the caller cancelled')
  throw new GatewayError('timeout', `no end within ${timeoutMs} ms`)
}

/** A body as 200, none as 404. @throws GatewayError operation_failed rather than cut JSON */
function outcomeOf(body: Json | undefined, maxOutputBytes: number, durationMs: number): Outcome {
  const output = body === undefined ? '' : JSON.stringify(body)
  if (Buffer.byteLength(output) > maxOutputBytes) {
    throw new GatewayError('operation_failed', `the answer has more than ${maxOutputBytes} bytes`, {
      hint: 'ask for less: a limit, a filter',
    })
  }
  const ok = body !== undefined
  return { ok, status: ok ? 200 : 404, output, errorOutput: '', truncated: false, durationMs }
}

function aboutFleet(fleet: FleetStore, name: string, query: URLSearchParams): Answer {
  if (name === 'findings') return findingsOf(fleet)
  return name === 'changes' ? changesOf(fleet, numberIn(query, 'since', 0), numberIn(query, 'limit', 500)) : undefined
}

/** All targets; for a caller with what it may do there, instead of what is granted. */
const targetsOf = (parts: GatewayParts, caller?: string): Json =>
  parts.targets.map((target) => {
    const { id, alias, kind, tags, segment, cluster } = target
    const { contacts } = parts
    const capabilities = caller === undefined ? target.capabilities : heldBy(parts, target, caller)
    const contact = contacts.of(id)
    return {
      id,
      alias,
      kind,
      tags,
      capabilities,
      segment,
      cluster,
      last_contact: contact && { at: contact.at.toISOString(), reached: contact.reached, error: contact.error },
    }
  })

const rightsOf = ({ name, risk, capability, targets }: Tool): Json => ({ name, risk, capability, targets })

function approvalsOf({ approvals }: GatewayParts, { query }: Asked): Json {
  const caller = query.get('caller') ?? ''
  const state = states.find((known) => known === query.get('state'))
  const found = approvals.list({ caller, ...(state && { state }), limit: numberIn(query, 'limit', 20) })
  return found.map(({ id, state: now, tool, risk, plans, createdAt, expiresAt, decidedBy }) => ({
    id,
    state: now,
    tool,
    risk,
    targets: plans.map(({ target }) => target),
    summaries: [...new Set(plans.map(({ plan }) => plan.summary))],
    created_at: createdAt.toISOString(),
    expires_at: expiresAt.toISOString(),
    decided_by: decidedBy,
  }))
}

const states: readonly ApprovalState[] = ['pending', 'approved', 'denied', 'used', 'expired']

function auditOf({ audit }: GatewayParts, { query }: Asked): Json {
  const word = (name: string) => query.get(name) ?? undefined
  const filter = { caller: word('caller'), tool: word('tool'), target: word('target'), result: word('result') }
  const limit = numberIn(query, 'limit', 20)
  const found =
    query.get('events') === 'all' ? audit.tail({ limit, ...filter }) : newestEnds(audit, { limit, ...filter })
  return found.map(({ seq, at, call, event, caller, tool, targets, result, reason, decision, step }) => ({
    seq,
    at,
    call,
    event,
    caller,
    tool,
    targets,
    result,
    reason,
    decision,
    step: step && { ...step },
  }))
}

/** The newest records that are not about the course of a change; looks further back while too few are found. */
function newestEnds(audit: AuditLog, filter: AuditFilter): ReturnType<AuditLog['tail']> {
  for (let looked = filter.limit * 8; ; looked *= 8) {
    const records = audit.tail({ ...filter, limit: looked })
    const ends = records.filter(({ event }) => event !== 'started' && !event.startsWith('step_'))
    if (ends.length >= filter.limit || records.length < looked || looked >= mostLookedAt)
      return ends.slice(-filter.limit)
  }
}

/** Records; what lies further back is found by a filter. */
const mostLookedAt = 10_000

/** A piece of a kept answer: whole characters from `offset`, and where the next piece begins. */
function outputOf({ outputs }: GatewayParts, { name, query }: Asked): Json | undefined {
  const found = outputs.find(name)
  if (found === undefined) return undefined
  const bytes = Buffer.from(found.text)
  const start = characterStart(bytes, numberIn(query, 'offset', 0))
  const end = characterStart(bytes, Math.min(bytes.length, start + numberIn(query, 'max_bytes', 32_768)))
  return {
    text: bytes.toString('utf8', start, end),
    total_bytes: bytes.length,
    next: end < bytes.length ? end : undefined,
    discarded_bytes: found.discardedBytes === 0 ? undefined : found.discardedBytes,
  }
}

const numberIn = (query: URLSearchParams, name: string, otherwise: number): number => {
  const value = Number(query.get(name) ?? otherwise)
  return Number.isSafeInteger(value) && value >= 0 ? value : otherwise
}
