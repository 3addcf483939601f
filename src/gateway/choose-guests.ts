import type { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { guestNamed } from '../core/proxmox-guest.ts'
import { isAction, type Tool } from '../core/tool.ts'
import { clusterResources, type GuestRow, resourcesReply } from '../formats/proxmox-resources.ts'
import { matchesGlob } from '../lib/glob.ts'
import type { Gateway } from './gateway.ts'
import { readContext } from './read-context.ts'
import type { Call, Granted } from './request.ts'

const mostGuests = 200

/**
 * The guests of a change that names several: `tag:web`, `pool:shop`, `web-*`, `web1,web2`. Each becomes a part of its own, with
 * its own plan, steps and end. Templates are none of a group. What names one guest stays as it is.
 * @throws GatewayError unknown_target when nothing fits; invalid_input
 */
export async function eachGuest(
  gateway: Gateway,
  request: Call,
  { input, granted }: { readonly input: z.output<Tool['input']>; readonly granted: readonly Granted[] },
): Promise<readonly Granted[]> {
  const { tool } = request
  const [only] = granted
  const wanted = isAction(tool) && tool.severalGuests === true ? input[tool.resource ?? ''] : undefined
  if (only === undefined || typeof wanted !== 'string' || !namesSeveral(wanted)) return granted
  const context = readContext(gateway, request, only.target, request.signal)
  const { guests } = clusterResources(await askProxmox(context, '/cluster/resources', resourcesReply))
  const chosen = wanted
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .flatMap((one) => fitting(guests, one, only.target.id))
  const vmids = [...new Set(chosen.map(({ vmid }) => vmid))].sort((a, b) => a - b)
  if (vmids.length > mostGuests)
    throw new GatewayError('invalid_input', `${wanted} names ${vmids.length} guests, more than ${mostGuests}`, {
      hint: 'name fewer of them',
    })
  return vmids.map((vmid) => ({ ...only, guest: vmid }))
}

/** Names of guests hold no colon, comma or star. An id as `pve:home/101` names one. */
const namesSeveral = (wanted: string): boolean => /^(tag|pool):|[,*]/.test(wanted)

function fitting(guests: readonly GuestRow[], wanted: string, cluster: string): readonly GuestRow[] {
  if (!namesSeveral(wanted)) return [guestNamed(guests, wanted, cluster)]
  const [, key, value = ''] = /^(tag|pool):(.+)$/.exec(wanted) ?? []
  const found = guests.filter(({ name = '', tags, pool, template }) => {
    if (template === true) return false
    if (key === 'tag') return tags.includes(value.toLowerCase())
    return key === 'pool' ? pool === value : matchesGlob(name, wanted)
  })
  if (found.length > 0) return found
  throw new GatewayError('unknown_target', `no guest of ${cluster} fits ${JSON.stringify(wanted.slice(0, 80))}`, {
    hint: 'proxmox_list_guests shows names, tags and pools',
  })
}
