import { z } from 'zod'

const flag = z.union([z.number(), z.string(), z.boolean()]).transform((value) => Number(value) === 1)
const text = z.string().nullish()

/** `data` of `GET /nodes/{node}/network`, of what bridges and bonds say. */
export const networkReply = z.array(
  z.object({
    iface: z.string(),
    type: z.string().optional(),
    active: flag.nullish(),
    cidr: text,
    cidr6: text,
    address: text,
    gateway: text,
    gateway6: text,
    bridge_ports: text,
    bridge_vlan_aware: flag.nullish(),
    bridge_vids: text,
    bond_mode: text,
    slaves: text,
    ovs_ports: text,
    ovs_bonds: text,
    comments: text,
  }),
)

/** A bridge or bond: `{name: 'vmbr0', type: 'bridge', ports: 'eno1', …}`; empty text where it says nothing. */
export interface Bridge {
  readonly name: string
  readonly type: string
  readonly ports: string
  readonly address: string
  readonly gateway: string
  /** `yes`, or the VLANs it carries. */
  readonly vlans: string
  readonly state: string
  readonly comment: string
}

/** Bridges first, then bonds, by name. */
export function bridgesOf(rows: z.output<typeof networkReply>): readonly Bridge[] {
  return rows
    .filter(({ type }) => /^(bridge|bond|OVSBridge|OVSBond)$/.test(type ?? ''))
    .map((row) => ({
      name: row.iface,
      type: row.bond_mode ? `${row.type} ${row.bond_mode}` : (row.type ?? ''),
      ports: row.bridge_ports || row.slaves || row.ovs_ports || row.ovs_bonds || '',
      address: [row.cidr || row.address, row.cidr6].filter(Boolean).join(' '),
      gateway: [row.gateway, row.gateway6].filter(Boolean).join(' '),
      vlans: row.bridge_vlan_aware ? row.bridge_vids || 'yes' : '',
      state: row.active ? '' : 'not active',
      comment: (row.comments ?? '')
        .replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
        .trim()
        .slice(0, 80),
    }))
    .toSorted((a, b) => Number(/bond/i.test(a.type)) - Number(/bond/i.test(b.type)) || (a.name < b.name ? -1 : 1))
}
