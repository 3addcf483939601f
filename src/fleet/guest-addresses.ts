import { GatewayError } from '../core/errors.ts'
import type { Facts } from '../core/fleet.ts'
import type { Outcome } from '../core/operation.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import { agentInterfacesReply, containerInterfacesReply, guestAddresses } from '../formats/proxmox-addresses.ts'
import type { GuestRow } from '../formats/proxmox-resources.ts'
import type { AddressBook, ClusterLook } from './cluster-look.ts'
import { inParallel } from './in-parallel.ts'

/** DHCP may give another one. */
const askAgainMs = 30 * 60_000
/** One that has just begun may not have its address yet. */
const askSoonMs = 60_000

/** What running guests say of themselves, where it is due. */
export async function readAddresses(
  { cluster, read, at, addresses: book }: ClusterLook,
  guests: readonly GuestRow[],
): Promise<{ readonly facts: ReadonlyMap<number, Facts>; readonly gaps: readonly string[] }> {
  const facts = new Map<number, Facts>()
  const denied: string[] = []
  const due = guests.filter((guest) => isDue(guest, book.get(`pve:${cluster}/${guest.vmid}`), at))
  await inParallel(due, async (guest) => {
    const found = await ask(guest, read)
    if (found.facts !== undefined) facts.set(guest.vmid, found.facts)
    if (found.denied !== undefined) denied.push(found.denied)
    const hasAddress = found.facts?.['addresses'] !== undefined
    book.set(`pve:${cluster}/${guest.vmid}`, { at, startedAtMs: startOf(guest, at), found: hasAddress })
  })
  const [first] = denied
  return { facts, gaps: first === undefined ? [] : [`addresses of ${denied.length} guests: ${first}`] }
}

const startOf = ({ uptimeS = 0 }: GuestRow, at: Date): number => at.getTime() - uptimeS * 1000

function isDue(guest: GuestRow, asked: ReturnType<AddressBook['get']>, at: Date): boolean {
  if (guest.status !== 'running') return false
  if (asked === undefined) return true
  const ageMs = at.getTime() - asked.at.getTime()
  // Started again since then, give or take what the numbers are late.
  if (startOf(guest, at) - asked.startedAtMs > 30_000) return true
  const isYoung = (guest.uptimeS ?? 0) < 600
  return ageMs >= (asked.found || !isYoung ? askAgainMs : askSoonMs)
}

interface Asked {
  readonly facts?: Facts
  readonly denied?: string
}

async function ask({ kind, node, vmid }: GuestRow, read: (path: string) => Promise<Outcome>): Promise<Asked> {
  const base = `/nodes/${encodeURIComponent(node)}/${kind}/${vmid}`
  try {
    if (kind === 'lxc') {
      const found = proxmoxData(await read(`${base}/interfaces`), containerInterfacesReply, 'the interfaces')
      return { facts: addressFact(guestAddresses(found ?? [])) }
    }
    const outcome = await read(`${base}/agent/network-get-interfaces`)
    if (!outcome.ok && /agent/i.test(outcome.errorOutput) && outcome.status !== 403)
      return { facts: { agent: /no .*configured/i.test(outcome.errorOutput) ? 'not configured' : 'not running' } }
    const { result } = proxmoxData(outcome, agentInterfacesReply, 'the guest agent')
    return { facts: { agent: 'running', ...addressFact(guestAddresses(result)) } }
  } catch (error) {
    const failure = GatewayError.from(error)
    // A guest that has just stopped, or moved, is asked again when it runs.
    return failure.code === 'denied' ? { denied: `${failure.message}; ${failure.hint ?? ''}` } : {}
  }
}

const addressFact = (addresses: readonly string[]): Facts => (addresses.length === 0 ? {} : { addresses })
