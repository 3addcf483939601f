import { findings } from './fleet-findings.ts'
import type { FleetView } from './fleet-view.ts'
import { found } from './triage-findings.ts'

/** What the token of a cluster may not read: what rests on it is not measured, and how to change that. */
export function unreadable(view: FleetView, source: string): readonly string[] {
  const finding = found(view, source, findings.access)
  if (finding === undefined || 'error' in finding)
    return [`${source}: rights of its token: ${finding?.error ?? 'not inspected yet'}`]
  const { missing } = finding.data
  if (missing.length === 0) return []
  const how = "pveum acl modify / --tokens 'TOKENID' --roles PVEAuditor"
  return [
    `${source}: whatever needs ${missing.join(', ')}: its token has it not; ${how} gives it, where its user has it too`,
  ]
}
