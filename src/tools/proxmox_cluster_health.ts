import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { askAllowed, askProxmox } from '../core/proxmox-ask.ts'
import { defineTool } from '../core/tool.ts'
import { ageOf } from '../formats/ages.ts'
import { missingReads, permissionsReply, versionReply } from '../formats/proxmox-inventory.ts'
import { clusterResources, resourcesReply, type StorageRow } from '../formats/proxmox-resources.ts'
import { type ClusterStatus, clusterStatus, clusterStatusReply } from '../formats/proxmox-status.ts'
import { withoutEmpty } from '../formats/rows.ts'

/** From here on a storage is worth a word. */
const nearlyFullPct = 85

export default defineTool({
  name: 'proxmox_cluster_health',
  description:
    'How Proxmox clusters are: quorum, nodes, guests by state, storage trouble, what the token may not read.',
  capability: 'proxmox:read',
  risk: 'read',
  targets: ['proxmox'],
  input: z.object({}),
  output: z.looseObject({ reachable: z.string() }),
  async run(_input, context) {
    try {
      return await healthOf(context)
    } catch (error) {
      const { code, message, hint } = GatewayError.from(error)
      if (code === 'internal') throw error
      const { seenAt } = context.remembered()
      return withoutEmpty({
        reachable: `no: ${code}: ${message}`,
        hint,
        last_seen: seenAt === undefined ? 'never' : `${ageOf(seenAt, context.now)} ago`,
      })
    }
  },
})

async function healthOf(context: Context) {
  const read = await askAllowed(context, '/cluster/status', clusterStatusReply)
  const status = read instanceof GatewayError ? undefined : clusterStatus(read)
  const { guests, storages, nodes } = clusterResources(await askProxmox(context, '/cluster/resources', resourcesReply))
  const { version } = await askProxmox(context, '/version', versionReply)
  const permissions = await askProxmox(context, '/access/permissions', permissionsReply)
  const present = status?.nodes ?? nodes.map(({ node, status: word }) => ({ node, online: word === 'online' }))
  const offline = present.filter(({ online }) => !online).map(({ node }) => node)
  const counted = Map.groupBy(guests, (guest) => (offline.includes(guest.node) ? 'unknown' : guest.status))
  const missing = missingReads(permissions)
  return withoutEmpty({
    reachable: 'yes',
    version,
    quorum: quorumOf(status),
    nodes: `${present.length - offline.length}/${present.length} online`,
    offline: offline.join(' '),
    guests: [...counted].map(([state, some]) => `${some.length} ${state}`).join(', '),
    storage_trouble: troubles(storages, offline).join('; '),
    token_lacks: missing.length === 0 ? undefined : `${missing.join(', ')} (role PVEAuditor on / has them)`,
    denied: read instanceof GatewayError ? `${read.message}; ${read.hint}` : undefined,
  })
}

function quorumOf(status: ClusterStatus | undefined): string {
  if (status === undefined) return 'unknown'
  return status.quorate ? 'yes' : 'no: nothing can be started or changed'
}

const troubles = (storages: readonly StorageRow[], offline: readonly string[]): readonly string[] =>
  storages
    .flatMap(({ storage, node, shared, status, usedPct }) => {
      if (offline.includes(node)) return []
      const name = shared ? storage : `${node}/${storage}`
      if (status !== 'available') return [`${name} is ${status}`]
      return usedPct !== undefined && usedPct >= nearlyFullPct ? [`${name} ${usedPct} % used`] : []
    })
    .filter((text, index, all) => all.indexOf(text) === index)
