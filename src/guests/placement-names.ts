import { isIPv4, isIPv6 } from 'node:net'
import { z } from 'zod'
import { refusal } from './guest-now.ts'

/** A name of a guest. Source: format dns-name in PVE::JSONSchema. */
export const hostName = z
  .string()
  .max(255)
  .regex(/^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/, 'letters, digits, dashes and dots only')

/** Tags of a guest. Source: format pve-tag in PVE::JSONSchema. */
export const tagNames = z
  .array(
    z
      .string()
      .max(100)
      .regex(/^[a-z0-9_][a-z0-9_\-+.]*$/i, 'letters, digits, _ - + and dots, not first - + or a dot'),
  )
  .max(30)

/** Public keys; whoever gives a private one by mistake is refused before anything is kept. */
export const sshKeys = z
  .array(
    z
      .string()
      .max(4000)
      .regex(
        /^(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,3}( [^\r\n]*)?$/,
        'write a public key on one line: ssh-ed25519 AAAA… name',
      ),
  )
  .max(20)

/** Tags as they are sent and kept. */
export const tagList = (tags: readonly string[] | undefined): string | undefined =>
  tags === undefined || tags.length === 0
    ? undefined
    : [...new Set(tags.map((tag) => tag.toLowerCase()))].toSorted().join(';')

/** How callers give an address. */
export const ipRule = 'dhcp or CIDR,GATEWAY'

/** An address as network cards and cloud-init take it: `ip=dhcp`, `ip=192.0.2.5/24,gw=192.0.2.1`. @throws GatewayError invalid_input */
export function ipSetting(ip: string): string {
  if (ip === 'dhcp') return 'ip=dhcp'
  const [cidr = '', gateway, ...rest] = ip.split(',').map((part) => part.trim())
  const [address = '', bits = ''] = cidr.split('/')
  const isSix = isIPv6(address)
  const fits = /^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (isSix ? 128 : 32)
  if ((!isSix && !isIPv4(address)) || !fits || rest.length > 0)
    throw refusal(
      `${JSON.stringify(ip.slice(0, 80))} is no address`,
      'write dhcp, 192.0.2.5/24 or 192.0.2.5/24,192.0.2.1',
    )
  if (gateway !== undefined && !(isSix ? isIPv6(gateway) : isIPv4(gateway)))
    throw refusal(
      `${JSON.stringify(gateway.slice(0, 80))} is no gateway for ${cidr}`,
      'write its address alone: 192.0.2.1',
    )
  const [ipKey, gatewayKey] = isSix ? ['ip6', 'gw6'] : ['ip', 'gw']
  return `${ipKey}=${cidr}${gateway === undefined ? '' : `,${gatewayKey}=${gateway}`}`
}

/** The address of a setting, where it is known before the guest runs. */
export const fixedAddress = (setting: string): string | undefined => /^ip6?=([0-9a-fA-F.:]+)\//.exec(setting)?.[1]
