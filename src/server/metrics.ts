import type { ErrorCode } from '../core/errors.ts'
import { GatewayError } from '../core/errors.ts'
import type { CallStatus } from '../core/ports.ts'
import type { TargetKind } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'
import type { CallResult } from '../gateway/result.ts'
import { exposition, type Family, openCounter, openHistogram } from '../lib/prometheus.ts'
import type { Limited } from './limits.ts'

/** What happened since the process began, as numbers. Labels are of closed lists and of the configuration only. */
export interface Metrics {
  /** Notices how a call ends and how long it took. */
  called(tool: Tool, answer: Promise<CallResult>): void
  limited(what: Limited['what']): void
  /** The text for Prometheus, with what is so now. */
  text(now: Gauges): string
}

/** What is so now. */
export interface Gauges {
  readonly version: string
  readonly sessions: number
  readonly jobs: number
  readonly callsInside: number
  readonly callsWaiting: number
  readonly approvalsWaiting: number
  readonly isFrozen: boolean
  readonly isAuditWritable: boolean
  /** Configured targets, and whether they were reached when they were asked last; undefined: not asked yet. */
  readonly targets: readonly {
    readonly id: string
    readonly kind: TargetKind
    readonly reached?: boolean | undefined
  }[]
}

const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Beyond so many, targets are counted by kind and not named. */
const mostTargets = 500

export function openMetrics(elapsedMs: () => number): Metrics {
  const calls = openCounter()
  const seconds = openHistogram(bounds)
  const refused = openCounter()
  const startedMs = elapsedMs()
  const ended = (tool: Tool, result: CallStatus | ErrorCode, beganMs: number) => {
    calls.add({ tool: tool.name, risk: tool.risk, result })
    seconds.observe({ tool: tool.name }, (elapsedMs() - beganMs) / 1000)
  }
  return {
    called(tool, answer) {
      const beganMs = elapsedMs()
      answer.then(
        (result) => ended(tool, statusOf(result), beganMs),
        (error: unknown) => ended(tool, GatewayError.from(error).code, beganMs),
      )
    },
    limited: (what) => refused.add({ what }),
    text: (now) =>
      exposition([
        { ...names.calls, samples: calls.samples() },
        { ...names.seconds, samples: seconds.samples() },
        { ...names.refused, samples: refused.samples() },
        ...gaugesOf({ ...now, uptimeSeconds: (elapsedMs() - startedMs) / 1000 }),
      ]),
  }
}

const names = {
  calls: { name: 'tailops_calls_total', help: 'Calls by tool, its highest risk, and how they ended.', type: 'counter' },
  seconds: {
    name: 'tailops_call_duration_seconds',
    help: 'How long calls took until their answer.',
    type: 'histogram',
  },
  refused: { name: 'tailops_limited_total', help: 'Answers 429 by what there was too much of.', type: 'counter' },
} as const satisfies Record<string, Omit<Family, 'samples'>>

function statusOf(result: CallResult): CallStatus {
  if (result.kind === 'change') return result.status
  return result.answers.some((answer) => 'error' in answer) ? 'partial' : 'done'
}

function gaugesOf(now: Gauges & { readonly uptimeSeconds: number }): readonly Family[] {
  return [
    gauge('tailops_info', 'The version, as a label.', 1, { version: now.version }),
    gauge('tailops_uptime_seconds', 'How long the process runs.', now.uptimeSeconds),
    gauge('tailops_sessions', 'Sessions that are open.', now.sessions),
    gauge('tailops_changes_running', 'Changes that this process performs.', now.jobs),
    gauge('tailops_calls_running', 'Calls that are being answered.', now.callsInside),
    gauge('tailops_calls_waiting', 'Calls that wait for earlier ones of their caller.', now.callsWaiting),
    gauge('tailops_approvals_waiting', 'Plans that wait for a person.', now.approvalsWaiting),
    gauge('tailops_frozen', '1 while changes are refused.', Number(now.isFrozen)),
    gauge(
      'tailops_audit_writable',
      '0 when calls cannot be recorded, and so not performed.',
      Number(now.isAuditWritable),
    ),
    {
      name: 'tailops_targets',
      help: 'Targets by kind and by what the last contact showed.',
      type: 'gauge',
      samples: byKind(now),
    },
    {
      name: 'tailops_target_up',
      help: 'Whether a target was reached when it was asked last.',
      type: 'gauge',
      samples: byTarget(now),
    },
  ]
}

const gauge = (name: string, help: string, value: number, labels = {}): Family => ({
  name,
  help,
  type: 'gauge',
  samples: [{ labels, value }],
})

const stateOf = (reached: boolean | undefined): string =>
  reached === undefined ? 'not_asked' : reached ? 'up' : 'down'

function byKind({ targets }: Gauges): Family['samples'] {
  const counter = openCounter()
  for (const { kind, reached } of targets) counter.add({ kind, state: stateOf(reached) })
  return counter.samples()
}

const byTarget = ({ targets }: Gauges): Family['samples'] =>
  targets
    .filter(({ kind, reached }) => kind !== 'guest' && reached !== undefined)
    .slice(0, mostTargets)
    .map(({ id, reached }) => ({ labels: { target: id }, value: Number(reached) }))
