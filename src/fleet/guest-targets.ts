import type {
  Connection,
  Discovery,
  DiscoverySsh,
  GuestConnection,
  GuestFilter,
  ProxmoxConnection,
  SshConnection,
} from '../core/connection.ts'
import type { Fact, Resource } from '../core/fleet.ts'
import { defaultConstraints, type Target } from '../core/target.ts'
import { matchesGlob } from '../lib/glob.ts'

/** A target and how it is reached; the gateway itself needs no way. */
interface Reached extends Target {
  readonly connection?: Connection | undefined
}

/** A discovered guest as a target. */
export interface GuestTarget extends Target {
  readonly kind: 'guest'
  readonly connection: SshConnection | GuestConnection
}

/** The guests that clusters register as targets, by what is known of the fleet, sorted by id. Pure. */
export function guestTargets(configured: readonly Reached[], resources: readonly Resource[]): readonly GuestTarget[] {
  const guests = resources.filter(({ kind }) => kind === 'lxc' || kind === 'qemu')
  const aliasOf = aliases(
    configured.map(({ id }) => id),
    guests,
  )
  const found = configured.flatMap((target) => {
    const { connection } = target
    if (connection?.kind !== 'proxmox' || !connection.discovery.enabled) return []
    const own = guests.filter((guest) => guest.source === target.id && isRegistered(guest, connection.discovery))
    return own.flatMap((guest) => targetOf(guest, { ...target, connection }, aliasOf(guest)) ?? [])
  })
  return found.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Words that choose targets by themselves. */
const reserved: readonly string[] = ['all', 'gateway', 'local']

/** The name of a guest that is nobody else's, and reads as nothing else. */
function aliases(ids: readonly string[], guests: readonly Resource[]): (guest: Resource) => string | undefined {
  const counts = new Map<string, number>([...ids, ...reserved].map((name) => [name, 1]))
  for (const guest of guests) {
    const name = textOf(guest.facts['name'])
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return ({ facts }) => {
    const name = textOf(facts['name'])
    return name !== undefined && counts.get(name) === 1 && /^[\w][\w.-]*$/.test(name) ? name : undefined
  }
}

/** One whose state nobody can tell stays: a call to it says why it cannot be reached. */
function isRegistered(guest: Resource, { register, include, exclude }: Discovery): boolean {
  const { status, template } = guest.facts
  if (template === true) return false
  if (status !== 'unknown' && !register.some((state) => state === status)) return false
  const listed = matches(guest, include)
  const unwanted = matches(guest, exclude)
  return !listed.includes(false) && !unwanted.includes(true)
}

/** For each list that is there, whether the guest is in it. */
function matches({ kind, facts }: Resource, { tags, pools, names, kinds }: GuestFilter): readonly boolean[] {
  const own = tagsOf(facts['tags'])
  const name = textOf(facts['name']) ?? ''
  return [
    tags?.some((tag) => own.includes(tag.toLowerCase())),
    pools?.some((pool) => pool === facts['pool']),
    names?.some((pattern) => matchesGlob(name, pattern)),
    kinds?.some((wanted) => wanted === kind),
  ].filter((fits) => fits !== undefined)
}

function targetOf(
  guest: Resource,
  cluster: Target & { readonly connection: ProxmoxConnection },
  alias: string | undefined,
): GuestTarget | undefined {
  const connection = connectionOf(guest, cluster.id, cluster.connection)
  if (connection === undefined) return undefined
  return {
    id: guest.id,
    kind: 'guest',
    tags: tagsOf(guest.facts['tags']),
    capabilities: cluster.connection.discovery.capabilities,
    constraints: { ...defaultConstraints, timeoutMs: cluster.constraints.timeoutMs },
    segment: cluster.segment,
    cluster: cluster.id,
    alias,
    guest: { cluster: cluster.id, vmid: vmidOf(guest) },
    connection,
  }
}

function connectionOf(
  guest: Resource,
  cluster: string,
  { discovery: { ssh }, nodes }: ProxmoxConnection,
): GuestTarget['connection'] | undefined {
  const { kind, facts } = guest
  const [address] = tagsOf(facts['addresses'])
  if (ssh !== undefined && address !== undefined) return sshTo(address, ssh)
  const node = textOf(facts['node'])
  const vmid = vmidOf(guest)
  if (node === undefined || !Number.isSafeInteger(vmid)) return undefined
  const nodeTarget = Object.hasOwn(nodes, node) ? nodes[node] : undefined
  return { kind: 'guest', guest: kind === 'lxc' ? 'lxc' : 'qemu', vmid, node, cluster, nodeTarget }
}

/** `pve:home/101` → 101 */
const vmidOf = ({ id }: Resource): number => Number(id.slice(id.lastIndexOf('/') + 1))

const sshTo = (host: string, ssh: DiscoverySsh): SshConnection => ({
  kind: 'ssh',
  host: host.split('/')[0] ?? host,
  port: ssh.port,
  username: ssh.username,
  keyPath: ssh.keyPath,
  passphrase: ssh.passphrase,
  knownHosts: ssh.knownHosts,
  acceptNew: ssh.acceptNew,
})

const textOf = (fact: Fact | undefined): string | undefined =>
  typeof fact === 'string' && fact !== '' ? fact : undefined

const tagsOf = (fact: Fact | undefined): readonly string[] => (typeof fact === 'object' ? fact : [])
