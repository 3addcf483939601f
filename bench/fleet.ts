import { discovery } from './fleet-discovery.ts'
import { fleetNews } from './fleet-news.ts'
import { fleetTokens } from './fleet-tokens.ts'
import type { Section } from './report.ts'

/** Simulated Proxmox VE clusters: what looking costs, what a model reads, how soon it hears, what idling costs. */
export async function fleetSections(quick: boolean): Promise<readonly Section[]> {
  const tokens = await fleetTokens()
  return [
    { title: 'Discovery of 1,000 guests', text: await discovery() },
    { title: 'The fleet in tokens', text: tokens },
    { title: 'News of the fleet, and idling', text: await fleetNews(quick) },
  ]
}
