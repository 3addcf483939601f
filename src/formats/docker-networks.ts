import { z } from 'zod'
import { plain } from './sections.ts'

const text = z.string()

/** GET /networks: the ids; members are told by inspection only. */
export const networksReply = z.array(z.object({ Id: text }))

/** GET /networks/ID, as far as it is used. */
export const networkReply = z.object({
  Name: text,
  Driver: text,
  Scope: text,
  Internal: z.boolean(),
  IPAM: z.object({ Config: z.array(z.object({ Subnet: text.optional() })).nullish() }),
  Containers: z
    .record(text, z.object({ Name: text, IPv4Address: text.nullish(), IPv6Address: text.nullish() }))
    .nullish(),
})

/** One network as a row. */
export interface NetworkRow {
  readonly name: string
  readonly driver: string
  /** Where it is not `local`. */
  readonly scope: string
  /** `yes`: without a way out. */
  readonly internal: string
  readonly subnets: string
  /** `db 10.9.0.3, web 10.9.0.2, +12` */
  readonly members: string
}

const mostMembers = 30

/** A row of an inspected network, members by name. */
export function networkRow({
  Name,
  Driver,
  Scope,
  Internal,
  IPAM,
  Containers,
}: z.output<typeof networkReply>): NetworkRow {
  const members = Object.values(Containers ?? {})
    .map((member) => plain(`${member.Name} ${addressOf(member)}`))
    .sort()
  const rest = members.length - mostMembers
  return {
    name: plain(Name),
    driver: plain(Driver),
    scope: Scope === 'local' ? '' : plain(Scope),
    internal: Internal ? 'yes' : '',
    subnets: (IPAM.Config ?? []).flatMap(({ Subnet }) => (Subnet === undefined ? [] : [plain(Subnet)])).join(' '),
    members: [...members.slice(0, mostMembers), ...(rest > 0 ? [`+${rest}`] : [])].join(', '),
  }
}

const addressOf = (member: {
  IPv4Address?: string | null | undefined
  IPv6Address?: string | null | undefined
}): string => (member.IPv4Address || member.IPv6Address || '').replace(/\/\d+$/, '')
