import { z } from 'zod'
import type { TailscaleSettings } from '../../config/auth-settings.ts'
import { expandCapabilities } from '../../core/capability.ts'
import { isWithin, parseAddress } from '../../core/ip-network.ts'
import type { Caller } from '../../core/target.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/log.ts'
import { isLoopback } from '../guard.ts'
import type { Peer } from '../peer.ts'
import { type Authenticate, cannotAuthenticate, forbidden } from './authenticated.ts'
import { fromTailscaled } from './from-tailscaled.ts'
import { openVerdicts } from './verdicts.ts'
import { type WhoIs, whoIs } from './whois.ts'

/** What tells who connects from the tailnet. */
export interface TailscaleParts {
  readonly settings: TailscaleSettings
  readonly clock: Clock
  readonly log: Logger
  /** Somebody at this address wrote an identity into the request that only tailscaled may write. */
  onForged(address: string, claimed: string): void
  /** Whose program is at the other end; tests say it themselves. */
  readonly ownerOf?: (peer: Peer) => Promise<number | undefined>
}

/** Callers are those whom tailscaled knows by their address, whatever a request says of itself. */
export function tailscaleAuth(parts: TailscaleParts): Authenticate {
  const { settings, clock, log, onForged, ownerOf } = parts
  const isProxy = fromTailscaled({ socketPath: settings.socketPath, clock, ownerOf })
  const verdicts = openVerdicts(clock, async (address) => {
    const who = await whoIs(settings.socketPath, address)
    if (who === undefined) return { refused: `${address} is nobody's in the tailnet` }
    return { good: { caller: callerOfTailnet(who, settings.capability) }, expiresAtMs: Number.POSITIVE_INFINITY }
  })
  return async (request, peer) => {
    const from = await whence(isProxy, request, peer)
    const claimed = request.headers.get('tailscale-user-login')
    if (claimed !== null && from.kind !== 'proxied') onForged(from.address, claimed)
    if (from.kind === 'elsewhere') return forbidden('callers are let in from the tailnet only')
    const verdict = await verdicts.of(from.address).catch((error: unknown) => {
      log.warn('tailscaled', { error })
      return undefined
    })
    if (verdict === undefined) return cannotAuthenticate()
    if ('refused' in verdict) return forbidden(verdict.refused)
    const { caller } = verdict.good
    if (from.kind === 'proxied' && isAnother(claimed, caller)) {
      onForged(from.address, claimed ?? '')
      return forbidden('tailscaled knows another caller at this address')
    }
    return { caller, stillValid: verdicts.watch(from.address, verdict) }
  }
}

/** Where a request comes from: the tailnet itself, through tailscaled on this machine, or neither. */
interface Whence {
  readonly kind: 'tailnet' | 'proxied' | 'elsewhere'
  readonly address: string
}

async function whence(
  isProxy: (peer: Peer, caller: string) => Promise<boolean>,
  { headers }: Request,
  peer: Peer | undefined,
): Promise<Whence> {
  const address = peer?.address.replace(/^::ffff:(?=\d)/i, '') ?? ''
  if (isOfTailnet(address)) return { kind: 'tailnet', address }
  // tailscaled writes one address there, and never lets one through that a client wrote.
  const forwarded = headers.get('x-forwarded-for') ?? ''
  const mayBe = isLoopback(address) && isOfTailnet(forwarded) && !headers.has('tailscale-funnel-request')
  const isProxied = mayBe && peer !== undefined && (await isProxy({ ...peer, address }, forwarded))
  return isProxied ? { kind: 'proxied', address: forwarded } : { kind: 'elsewhere', address }
}

const networks = ['100.64.0.0/10', 'fd7a:115c:a1e0::/48']

/** Whether an address is one that Tailscale gives. */
export function isOfTailnet(text: string): boolean {
  const address = parseAddress(text)
  return address !== undefined && networks.some((network) => isWithin(address, network))
}

const granted = z.array(z.object({ scopes: z.array(z.string()) }))

/** Of what the tailnet grants, the scopes under our capability's name; a value that is not understood gives nothing at all. */
function callerOfTailnet({ login, machine, tags, capabilities }: WhoIs, capability: string | undefined): Caller {
  const values = granted.safeParse(capability === undefined ? [] : (capabilities[capability] ?? []))
  return {
    id: `tailscale:${login ?? machine}`,
    scopes: values.success ? expandCapabilities(values.data.flatMap(({ scopes }) => scopes)) : [],
    proof: { kind: 'tailscale', login: login ?? machine, groups: [], tags },
  }
}

/** What is not ASCII is written in another way there: then the address alone says who it is, as it does anyhow. */
const isAnother = (claimed: string | null, { proof }: Caller): boolean =>
  claimed !== null && !claimed.startsWith('=?') && claimed !== proof?.login
