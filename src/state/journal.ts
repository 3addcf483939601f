import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { CallStatus, Job, JobEnd, JobStep, Journal, NewJob, StepEnd } from '../core/ports.ts'
import { json, optional, outcome, plans, time } from './columns.ts'
import type { Database } from './database.ts'

export interface JournalOptions {
  readonly database: Database
  now(): Date
  /** This process, and whether another one still runs. */
  readonly process: { readonly id: string; isAlive(processId: string): boolean }
}

const callStatus = z.enum([
  'done',
  'planned',
  'approval_required',
  'running',
  'failed',
  'partial',
  'unknown',
  'cancelled',
] as const satisfies readonly CallStatus[])

const stepEnd = z.enum([
  'not_begun',
  'running',
  'done',
  'failed',
  'unknown',
  'undone',
  'undo_failed',
  'cancelled',
] as const satisfies readonly StepEnd[])

const stepRow = z
  .object({
    target: z.string(),
    step: z.number(),
    phase: z.enum(['do', 'undo']),
    state: stepEnd,
    at: time,
    ref: optional(z.string()),
    outcome: optional(outcome),
    note: optional(z.string()),
  })
  .transform(({ step, ...same }): JobStep => ({ index: step, ...same }))

const jobRow = z
  .object({
    id: z.string(),
    caller: z.string(),
    tool: z.string(),
    input: json(z.json()),
    request_id: optional(z.string()),
    request_digest: z.string(),
    plans,
    started_at: time,
    status: optional(callStatus),
    ended_at: optional(time),
    result: optional(json(z.json())),
  })
  .transform((found): Omit<Job, 'steps'> => {
    const { request_id, request_digest, started_at, status, ended_at, result = null, ...same } = found
    const end = status && ended_at && { status, at: ended_at, result }
    return { ...same, requestId: request_id, requestDigest: request_digest, startedAt: started_at, end }
  })

const orphanRow = z.object({ id: z.string(), owner: z.string() })

const requestKeptMs = 86_400_000
const jobKeptMs = 7 * 86_400_000

/** The tables of jobs and their steps, on disk when a method returns. A step has one row: how it stands now. */
export function openJournal({ database, now, process }: JournalOptions): Journal {
  const whole = (job: Omit<Job, 'steps'> | undefined): Job | undefined =>
    job && { ...job, steps: database.all(stepRow, 'SELECT * FROM job_steps WHERE job = ? ORDER BY rowid', [job.id]) }

  const find = (id: string) => whole(database.first(jobRow, 'SELECT * FROM jobs WHERE id = ?', [id]))

  const findRequest = (caller: string, requestId: string) =>
    whole(database.first(jobRow, requestSql, [caller, requestId, now().getTime() - requestKeptMs]))

  const owned = (id: string): void => {
    const open = database.first(orphanRow, 'SELECT id, owner FROM jobs WHERE id = ? AND ended_at IS NULL', [id])
    if (open?.owner === process.id) return
    const why = open === undefined ? 'is not open' : `was taken over by process ${open.owner}`
    throw new GatewayError('internal', `job ${id} ${why}`, { hint: `get_job ${id} shows how it stands` })
  }

  return {
    find,
    findRequest,
    open: (job) =>
      database.atomically(() => {
        database.run('DELETE FROM jobs WHERE ended_at < ?', [now().getTime() - jobKeptMs])
        if (job.requestId !== undefined) refuseRepeated(job, findRequest(job.caller, job.requestId))
        insert(database, job, process.id)
      }),
    step: (jobId, step) =>
      database.atomically(() => {
        owned(jobId)
        keepStep(database, jobId, step)
      }),
    finish: (jobId, end) =>
      database.atomically(() => {
        owned(jobId)
        finish(database, jobId, end)
      }),
    adoptOrphans() {
      const open = database.all(orphanRow, 'SELECT id, owner FROM jobs WHERE ended_at IS NULL ORDER BY started_at')
      return open
        .filter(({ owner }) => owner !== process.id && !process.isAlive(owner))
        .filter(({ id, owner }) => database.run(adoptSql, [process.id, id, owner]) === 1)
        .flatMap(({ id }) => find(id) ?? [])
    },
  }
}

const requestSql = `SELECT * FROM jobs WHERE caller = ? AND request_id = ? AND started_at > ?
  ORDER BY started_at DESC LIMIT 1`
const adoptSql = 'UPDATE jobs SET owner = ? WHERE id = ? AND owner = ? AND ended_at IS NULL'
const jobSql = `INSERT INTO jobs (id, caller, tool, input, request_id, request_digest, plans, started_at, owner)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
const stepSql = `INSERT INTO job_steps (job, target, step, phase, state, at, ref, outcome, note)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (job, target, step, phase) DO UPDATE SET state = excluded.state, at = excluded.at,
    ref = coalesce(excluded.ref, ref), outcome = excluded.outcome, note = excluded.note`

function refuseRepeated(job: NewJob, earlier: Job | undefined): void {
  if (earlier === undefined) return
  if (earlier.requestDigest !== job.requestDigest) {
    const what = `request_id ${job.requestId} was used for another call of ${earlier.tool}`
    throw new GatewayError('invalid_input', what, { hint: 'use a new request_id for a new call' })
  }
  throw new GatewayError('busy', `request_id ${job.requestId} is already job ${earlier.id}`, {
    hint: `get_job ${earlier.id} waits for its end`,
  })
}

function insert(database: Database, job: NewJob, owner: string): void {
  database.run(jobSql, [
    job.id,
    job.caller,
    job.tool,
    JSON.stringify(job.input),
    job.requestId ?? null,
    job.requestDigest,
    JSON.stringify(job.plans),
    job.startedAt.getTime(),
    owner,
  ])
}

function keepStep(database: Database, jobId: string, step: JobStep): void {
  database.run(stepSql, [
    jobId,
    step.target,
    step.index,
    step.phase,
    step.state,
    step.at.getTime(),
    step.ref ?? null,
    step.outcome === undefined ? null : JSON.stringify(step.outcome),
    step.note ?? null,
  ])
}

function finish(database: Database, jobId: string, { status, at, result }: JobEnd): void {
  const values = [status, at.getTime(), JSON.stringify(result), jobId]
  database.run('UPDATE jobs SET status = ?, ended_at = ?, result = ? WHERE id = ?', values)
}
