import { z } from 'zod'
import type { Context } from './context.ts'
import { GatewayError } from './errors.ts'
import { behindNat64, type IpAddress, isSameAddress, isWithin, parseAddress } from './ip-network.ts'
import { script } from './operation.ts'
import type { Target } from './target.ts'

/** Letters, digits, `-`, `_` in labels (RFC 1035 §2.3.1, with the underscores of RFC 8552), 253 characters at most. */
const namePattern = /^(?=.{1,253}$)[a-z0-9_]([\w-]{0,61}[a-z0-9])?(\.[a-z0-9_]([\w-]{0,61}[a-z0-9])?)*\.?$/i

/** Whether it can stand as a host name of DNS. */
export const isHostName = (text: string): boolean => namePattern.test(text)

/** A host to probe: a name or an address. */
export const probeHost = z
  .string()
  .max(253)
  .refine((text) => parseAddress(text) !== undefined || isHostName(text), 'write a host name or an IP address')

/** A TCP port. */
export const probePort = z.number().int().min(1).max(65_535)

/** Where probes may go when a target names no networks: private, loopback, link-local IPv6, and the tailnet's. */
export const privateNetworks: readonly string[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '127.0.0.0/8',
  '100.64.0.0/10',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
]

/**
 * Where clouds hand out credentials or configuration, by their own documentation:
 * - 169.254.169.254, fd00:ec2::254: AWS "Instance metadata service" (the first of Azure, GCP, OpenStack and others too)
 * - fd20:ce::254: GCP "View and query VM metadata" (IPv6-only instances)
 * - 169.254.170.2: AWS ECS "Task IAM role"; 169.254.170.23, fd00:ec2::23: AWS EKS "EKS Pod Identity"
 * - 168.63.129.16: Azure "What is IP address 168.63.129.16" (WireServer)
 * - 100.100.100.200: Alibaba "Instance metadata"; 192.0.0.192: Oracle Cloud Infrastructure Classic "Retrieving instance metadata"
 */
const metadataAddresses: readonly string[] = [
  '169.254.169.254',
  'fd00:ec2::254',
  'fd20:ce::254',
  '169.254.170.2',
  '169.254.170.23',
  'fd00:ec2::23',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
]

/** Names of the same: GCP "View and query VM metadata", AWS "Instance metadata" (`instance-data`). */
const metadataName = /^(metadata(\.google\.internal|\.goog)?|instance-data(\.ec2\.internal)?)\.?$/i

/** Which version of IP is wanted. */
export type Family = '4' | '6' | undefined

/** The argument that chooses the version of IP. */
export const probeFamily = z.enum(['4', '6']).optional().describe('IP version')

/** A host as asked for, and the one address that is probed. */
export interface Pinned {
  readonly address: string
  readonly family: '4' | '6'
}

/**
 * Resolves a host on the target and picks the address to probe: the first that the target's networks allow.
 * @throws GatewayError denied, not_found, unsupported_target
 */
export async function pin(host: string, family: Family, { read, target }: Context): Promise<Pinned> {
  const found = parseAddress(host) === undefined ? (await resolve(host, target, read)).addresses : [host]
  const wanted = found.filter((address) => family === undefined || familyOf(address) === family)
  if (wanted.length === 0) {
    throw new GatewayError('not_found', `${host} has no IPv${family} address: ${found.join(', ')}`, {
      hint: 'leave the IP version out',
    })
  }
  const address = wanted.find((one) => isAllowed(one, target))
  if (address === undefined) throw refusal(host, wanted, target)
  return { address, family: familyOf(address) }
}

/** Where a request goes: every address of its host is allowed, and one of them is asked. */
export interface Destination {
  readonly address: string
  /** Of the resolver on the target; undefined where nothing was resolved, or its clock told nothing. */
  readonly dnsMs: number | undefined
}

/**
 * Resolves a host on the target and picks its first address. Stricter than `pin`: one refused address among them refuses the
 * host, and so does the name of a metadata service, whatever it resolves to.
 * @throws GatewayError denied, not_found, unsupported_target
 */
export async function pinAll(host: string, { read, target }: Context): Promise<Destination> {
  if (metadataName.test(host)) throw metadataRefusal(host)
  const { addresses, dnsMs } =
    parseAddress(host) === undefined ? await resolve(host, target, read) : { addresses: [host], dnsMs: undefined }
  const refused = addresses.filter((one) => !isAllowed(one, target))
  if (refused.length > 0) throw refusal(host, refused, target)
  return { address: addresses[0] ?? host, dnsMs }
}

/** An address given by the caller that is used as it stands. @throws GatewayError denied */
export function requireAllowed(address: string, target: Target): void {
  if (!isAllowed(address, target)) throw refusal(address, [address], target)
}

const familyOf = (address: string): '4' | '6' => (address.includes(':') ? '6' : '4')

interface Resolved {
  readonly addresses: readonly string[]
  readonly dnsMs: number | undefined
}

async function resolve(host: string, target: Target, read: Context['read']): Promise<Resolved> {
  const { output } = await read(script('read/net-resolve', [host]))
  const lines = output.split('\n')
  const found = lines.flatMap((line) => {
    const [mark, address = ''] = line.split(' ')
    return mark === 'address' && parseAddress(address) !== undefined ? [address] : []
  })
  const micros = /^took (\d{1,12})$/m.exec(output)?.[1]
  if (found.length > 0) {
    return { addresses: [...new Set(found)], dnsMs: micros === undefined ? undefined : Number(micros) / 1000 }
  }
  if (!lines.some((line) => line.startsWith('used '))) {
    throw new GatewayError('unsupported_target', `${target.id} has neither getent nor nslookup to resolve ${host}`, {
      hint: 'give an IP address',
    })
  }
  throw new GatewayError('not_found', `${host} does not resolve on ${target.id}`, {
    hint: 'check its spelling; dns_lookup shows what the resolver answers',
  })
}

const networksOf = ({ constraints }: Target): readonly string[] =>
  constraints.networks.length > 0 ? constraints.networks : privateNetworks

function isAllowed(text: string, target: Target): boolean {
  const address = parseAddress(text)
  if (address === undefined || isMetadata(text, address)) return false
  return networksOf(target).some((network) => isWithin(address, network))
}

function isMetadata(text: string, address: IpAddress): boolean {
  const behind = behindNat64(address)
  return metadataAddresses.some(
    (one) => isSameAddress(one, text) || (behind !== undefined && behind.value === parseAddress(one)?.value),
  )
}

function refusal(host: string, addresses: readonly string[], target: Target): GatewayError {
  const is = host === addresses[0] ? '' : ` (${addresses.join(', ')})`
  const allowed = addresses.flatMap((text) => {
    const address = parseAddress(text)
    return address === undefined || isMetadata(text, address) ? [] : [`${text.split('%')[0]}/${address.bits}`]
  })[0]
  if (allowed === undefined) return metadataRefusal(`${host}${is}`)
  const line = `networks: [${[...networksOf(target), allowed].join(', ')}]`
  return new GatewayError('denied', `${host}${is} is outside the networks that probes from ${target.id} may reach`, {
    hint: `the operator can set ${line} in the constraints of ${target.id} in targets.yaml`,
  })
}

const metadataRefusal = (what: string): GatewayError =>
  new GatewayError('denied', `${what} is a cloud's metadata address, which is never probed`, {
    hint: 'probe another host; nothing can allow this one',
  })
