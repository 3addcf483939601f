import { type Finding, findingsOf } from './doctor-finding.ts'
import type { TailnetGateway } from './tailscale-gateway.ts'
import { look } from './tailscale-program.ts'
import { reportOf, stateSentence } from './tailscale-report.ts'

const { ok, warning, problem } = findingsOf('tailscale')

/**
 * What `tailops tailscale status` would say; nothing where Tailscale is not installed. Whether clients come by the tailnet
 * decides how bad it is: a service is configured, or the base URL names one.
 */
export async function tailscaleFindings({ tailscale, hosted }: TailnetGateway): Promise<readonly Finding[]> {
  const now = await look(tailscale)
  if (now.obstacles.some(({ code }) => code === 'not_installed')) return []
  const report = reportOf(hosted, now)
  const sentence = stateSentence(report)
  const notes = report.notes.map((note) => warning(note))
  const isNeeded = now.served !== undefined || /[.]ts[.]net$/.test(hosted.settings.baseUrl ?? '')
  if (report.state === 'serving') return [ok(sentence), ...notes]
  if (!isNeeded && now.status?.state === 'Running' && now.isRead)
    return [ok(`Tailscale runs, and does not serve ${report.service}: tailops tailscale setup would do that`)]
  const worst = isNeeded && report.state !== 'drained' ? problem : warning
  if (report.obstacles.length === 0) return [worst(sentence), ...notes]
  const obstacles = report.obstacles.map(({ code, message, hint }) =>
    code === 'no_permission' || code === 'failed' ? warning(`not measured: ${message}`, hint) : worst(message, hint),
  )
  return [...obstacles, ...notes]
}
