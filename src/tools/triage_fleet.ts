import { z } from 'zod'
import { freshnessOfAll } from '../core/fleet-freshness.ts'
import { severities } from '../core/fleet-view.ts'
import { findingsReply, fleetReply } from '../core/gateway-replies.ts'
import { get } from '../core/operation.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { triage } from '../core/triage.ts'

const mostProblems = 100

export default defineTool({
  name: 'triage_fleet',
  description: 'What is wrong in the fleet, the worst first, with evidence; then what could not be measured.',
  capability: 'fleet:read',
  risk: 'read',
  targets: ['gateway'],
  input: z.object({
    backup_days: z.number().int().min(1).max(3650).default(7),
    certificate_days: z.number().int().min(1).max(3650).default(30),
    full_pct: z.number().min(1).max(100).default(85),
  }),
  output: z.object({
    found: z.string(),
    problems: z
      .array(z.object({ severity: z.enum(severities), where: z.string(), problem: z.string(), evidence: z.string() }))
      .optional(),
    not_measured: z.array(z.string()).optional(),
    seen: z.string(),
  }),
  async run({ backup_days: backupDays, certificate_days: certificateDays, full_pct: fullPct }, { now, read }) {
    const { sources, resources } = jsonOf(await read(get('/fleet')), fleetReply, 'the fleet')
    const findings = jsonOf(await read(get('/fleet/findings')), findingsReply, 'the findings')
    const view = { now, sources, resources, findings: (source: string) => findings[source] }
    const { problems, unmeasured } = triage(view, { backupDays, certificateDays, fullPct })
    const shown = problems.slice(0, mostProblems)
    const left = problems.length - shown.length
    const counts = severities.flatMap((severity) => {
      const number = problems.filter((problem) => problem.severity === severity).length
      return number === 0 ? [] : [`${number} ${severity}`]
    })
    const seen = sources.length === 0 ? 'nothing is watched yet: run_discovery looks now' : freshnessOfAll(sources, now)
    const found = problems.length === 0 ? `nothing, of ${resources.length} resources` : counts.join(', ')
    return {
      found: left > 0 ? `${found}; the worst ${mostProblems} are shown` : found,
      ...(shown.length > 0 && { problems: [...shown] }),
      ...(unmeasured.length > 0 && { not_measured: [...unmeasured] }),
      seen,
    }
  },
})
