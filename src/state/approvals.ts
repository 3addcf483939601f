import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { ApprovalTerms } from '../core/policy-model.ts'
import { approvers, mayApprove, sameTerms, usableMs } from '../core/policy-terms.ts'
import type { Approval, ApprovalRequest, ApprovalState, Approvals } from '../core/ports.ts'
import { json, optional, plans, time } from './columns.ts'
import type { Database } from './database.ts'

export interface ApprovalOptions {
  readonly database: Database
  now(): Date
  newId(length: number): string
  /** How long a plan waits for a person; an hour. */
  readonly pendingMs?: number | undefined
  /** How long a granted approval can be used; a quarter of an hour. */
  readonly approvedMs?: number | undefined
}

/** Approvals as the gateway uses them, and their decision as the command line does. */
export interface ApprovalStore extends Approvals {
  /** @throws GatewayError not_found, approval_invalid when it is no longer pending, denied to whom its terms do not name */
  decide(id: string, decision: 'approved' | 'denied', by: string): void
}

const termsColumn = json(
  z.array(z.object({ by: z.array(z.string()).optional(), forMs: z.number().positive().optional() })),
)

const row = z
  .object({
    id: z.string(),
    digest: z.string(),
    tool: z.string(),
    caller: z.string(),
    risk: z.enum(['read', 'probe', 'write', 'destructive']),
    plans,
    state: z.enum(['pending', 'approved', 'denied', 'used', 'expired']),
    created_at: time,
    expires_at: time,
    decided_by: optional(z.string()),
    terms: z.string().nullable(),
  })
  .transform(({ created_at, expires_at, decided_by, terms, ...same }): Approval => {
    const asked = terms === null ? undefined : termsColumn.parse(terms)
    return { ...same, createdAt: created_at, expiresAt: expires_at, decidedBy: decided_by, terms: asked }
  })

const keptMs = 30 * 86_400_000
const maxPending = 100

/** A clock that went back further than this below a row's own time makes the row expire: better refused than revived. */
const clockToleranceMs = 60_000

/** The table of approvals. Each change of state is one conditional UPDATE, so of two processes exactly one wins. */
export function openApprovals(options: ApprovalOptions): ApprovalStore {
  const { database, now, newId, pendingMs = 3_600_000, approvedMs = 900_000 } = options

  /** Writes down what has expired by now: a clock that goes back later does not revive it. */
  const expire = (): number => {
    const ms = now().getTime()
    const due = `state IN ('pending', 'approved') AND (expires_at <= ? OR changed_at > ?)`
    const values = [ms, ms + clockToleranceMs]
    const { found } =
      database.first(exists, `SELECT EXISTS (SELECT 1 FROM approvals WHERE ${due}) AS found`, values) ?? {}
    if (found === 1) database.run(`UPDATE approvals SET state = 'expired' WHERE ${due}`, values)
    return ms
  }

  const find = (id: string): Approval | undefined => {
    expire()
    return database.first(row, 'SELECT * FROM approvals WHERE id = ?', [id])
  }

  return {
    find,
    request: (ask) =>
      database.atomically(() => {
        const ms = expire()
        const open = database.first(row, openSql, [ask.caller, ask.digest])
        if (open !== undefined && sameTerms(open.terms, ask.terms)) return open
        // What was asked on other terms ends: it must not stand in for what is asked now.
        if (open !== undefined) database.run(endSql, [ms, open.id])
        database.run('DELETE FROM approvals WHERE changed_at < ? AND state NOT IN (?, ?)', [ms - keptMs, ...openStates])
        refuseFlood(database, ask.caller)
        return insert(database, ask, { id: newId(8), createdAt: new Date(ms), expiresAt: new Date(ms + pendingMs) })
      }),
    claim(id, digest, caller) {
      const ms = expire()
      if (database.run(claimSql, [ms, id, digest, caller, ms]) === 1) return
      throw invalid(id, reasonAgainst(find(id), digest, caller))
    },
    decide(id, decision, by) {
      const ms = expire()
      const terms = find(id)?.terms ?? []
      if (decision === 'approved' && !mayApprove(terms, by)) throw notBy(id, by, terms)
      const expiresAt = ms + usableMs(terms, approvedMs)
      if (database.run(decideSql, [decision, by, ms, decision, expiresAt, id, ms]) === 1) return
      const approval = find(id)
      if (approval === undefined) throw new GatewayError('not_found', `there is no approval ${id}`, { hint: listHint })
      throw new GatewayError('approval_invalid', `${id} is ${approval.state}, no longer pending`, { hint: listHint })
    },
    list({ caller, state, limit }) {
      expire()
      return database.all(row, listSql, [caller ?? null, caller ?? null, state ?? null, state ?? null, limit])
    },
  }
}

const exists = z.object({ found: z.number() })
const openStates = ['pending', 'approved'] as const satisfies readonly ApprovalState[]
const listHint = '`tailops approvals list --all` shows them'
const openSql = `SELECT * FROM approvals WHERE caller = ? AND digest = ? AND state IN ('pending', 'approved')`
const endSql = `UPDATE approvals SET state = 'expired', changed_at = ? WHERE id = ?`
const claimSql = `UPDATE approvals SET state = 'used', changed_at = ?
  WHERE id = ? AND state = 'approved' AND digest = ? AND caller = ? AND expires_at > ?`
const decideSql = `UPDATE approvals SET state = ?, decided_by = ?, changed_at = ?,
  expires_at = CASE WHEN ? = 'approved' THEN ? ELSE expires_at END WHERE id = ? AND state = 'pending' AND expires_at > ?`
const listSql = `SELECT * FROM approvals WHERE (? IS NULL OR caller = ?) AND (? IS NULL OR state = ?)
  ORDER BY created_at DESC, rowid DESC LIMIT ?`
const insertSql = `INSERT INTO approvals (id, digest, tool, caller, risk, plans, state, created_at, changed_at, expires_at, terms)
  VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?)`

type Fresh = Pick<Approval, 'id' | 'createdAt' | 'expiresAt'>

function insert(database: Database, ask: ApprovalRequest, fresh: Fresh): Approval {
  const { digest, tool, caller, risk, terms } = ask
  const created = fresh.createdAt.getTime()
  const times = [created, created, fresh.expiresAt.getTime()]
  database.run(insertSql, [
    fresh.id,
    digest,
    tool,
    caller,
    risk,
    JSON.stringify(ask.plans),
    ...times,
    terms === undefined ? null : JSON.stringify(terms),
  ])
  return { digest, tool, caller, risk, plans: ask.plans, terms, ...fresh, state: 'pending' }
}

function refuseFlood(database: Database, caller: string): void {
  const sql = `SELECT count(*) AS found FROM approvals WHERE caller = ? AND state = 'pending'`
  if ((database.first(exists, sql, [caller])?.found ?? 0) < maxPending) return
  throw new GatewayError('busy', `${maxPending} plans of ${caller} already wait for approval`, {
    hint: 'have them approved or denied first; each expires by itself',
  })
}

const notBy = (id: string, by: string, terms: readonly ApprovalTerms[]): GatewayError =>
  new GatewayError('denied', `${by} may not approve ${id}`, { hint: `policy asks for ${approvers(terms)}` })

const invalid = (id: string, { reason, hint }: Reason): GatewayError =>
  new GatewayError('approval_invalid', `approval ${id} ${reason}`, { hint })

interface Reason {
  readonly reason: string
  readonly hint: string
}

const again = 'call the tool again without `approval` to get a new one'

/** Why a claim failed. Another caller's approval is as unknown as one that never was. */
function reasonAgainst(approval: Approval | undefined, digest: string, caller: string): Reason {
  if (approval === undefined || approval.caller !== caller) return { reason: 'is unknown', hint: again }
  switch (approval.state) {
    case 'used':
      return { reason: 'was used already; it holds for one call', hint: again }
    case 'expired':
      return { reason: `expired at ${approval.expiresAt.toISOString()}`, hint: again }
    case 'denied':
      return {
        reason: `was denied by ${approval.decidedBy ?? 'a person'}`,
        hint: 'do not repeat it; ask the person why',
      }
    default:
      if (approval.digest !== digest) return { reason: 'is for another plan: arguments or facts differ', hint: again }
      return {
        reason: 'still waits for a person',
        hint: `a person runs \`tailops approvals approve ${approval.id}\` in a terminal; then repeat the call with it`,
      }
  }
}
