import { z } from 'zod'

/** The fields that we use of `tailscale status --json`. Go writes an empty list or map as null. */
export const tailscaleStatusReply = z.object({
  /** Of the daemon; the program may be another one. */
  Version: z.string().default(''),
  /** false: userspace networking. */
  TUN: z.boolean().optional(),
  BackendState: z.string(),
  AuthURL: z.string().nullish(),
  /** null: the tailnet issues no certificates. */
  CertDomains: z.array(z.string()).nullish(),
  CurrentTailnet: z.object({ MagicDNSSuffix: z.string(), MagicDNSEnabled: z.boolean() }).nullish(),
  Self: z
    .object({
      HostName: z.string().default(''),
      Tags: z.array(z.string()).nullish(),
      CapMap: z.record(z.string(), z.array(z.unknown()).nullable()).nullish(),
    })
    .nullish(),
})

/** What this machine is in its tailnet. */
export interface TailscaleStatus {
  /** `Running`, `NeedsLogin`, `NeedsMachineAuth`, `Stopped`, `Starting` … */
  readonly state: string
  /** Where a person logs it in, when it asks for that. */
  readonly loginUrl?: string | undefined
  readonly version: string
  readonly userspace: boolean
  readonly host: string
  /** `tail1234.ts.net`. */
  readonly suffix: string
  readonly magicDns: boolean
  readonly https: boolean
  readonly tags: readonly string[]
  /** Services that this machine is approved for, with the addresses of each. */
  readonly approved: ReadonlyMap<string, readonly string[]>
}

/** The state of this machine in words of ours. */
export function tailscaleStatus(reply: z.output<typeof tailscaleStatusReply>): TailscaleStatus {
  const { CurrentTailnet: tailnet, Self: self } = reply
  return {
    state: reply.BackendState,
    loginUrl: reply.AuthURL === '' ? undefined : (reply.AuthURL ?? undefined),
    version: reply.Version,
    userspace: reply.TUN === false,
    host: self?.HostName ?? '',
    suffix: tailnet?.MagicDNSSuffix ?? '',
    magicDns: tailnet?.MagicDNSEnabled ?? false,
    https: (reply.CertDomains ?? []).length > 0,
    tags: self?.Tags ?? [],
    approved: approvedServices(self?.CapMap?.['service-host'] ?? []),
  }
}

const serviceAddresses = z.record(z.string(), z.array(z.string()).nullable())

/** Of `[{"svc:tailops": ["100.100.0.1", "fd7a::1"]}]`; a service without an address is not approved yet. */
function approvedServices(values: readonly unknown[]): ReadonlyMap<string, readonly string[]> {
  const entries = values.flatMap((value) => Object.entries(serviceAddresses.safeParse(value).data ?? {}))
  return new Map(entries.flatMap(([name, addresses]) => (addresses?.length ? [[name, addresses] as const] : [])))
}

/** The fields that we use of `tailscale serve status --json`; `{}` when nothing is served. */
export const serveStatusReply = z.object({
  Services: z
    .record(
      z.string(),
      z.object({
        TCP: z.record(z.string(), z.unknown()).nullish(),
        Web: z
          .record(z.string(), z.object({ Handlers: z.record(z.string(), z.object({ Proxy: z.string().optional() })) }))
          .nullish(),
        Tun: z.boolean().optional(),
      }),
    )
    .nullish(),
})

/** What this machine is told to do with connections to a service. */
export interface ServedService {
  /** Where `/` of HTTPS port 443 goes; undefined when that port is served in another way, or not at all. */
  readonly proxy?: string | undefined
  /** Everything that it serves: `443/ → http://127.0.0.1:8080`. */
  readonly handlers: readonly string[]
}

/** Undefined: nothing is configured for this service. */
export function servedService(reply: z.output<typeof serveStatusReply>, name: string): ServedService | undefined {
  const service = reply.Services?.[name]
  if (service === undefined) return undefined
  const web = Object.entries(service.Web ?? {}).flatMap(([host, { Handlers: handlers }]) =>
    Object.entries(handlers).map(([path, { Proxy: proxy }]) => ({ port: portOf(host), path, proxy })),
  )
  const plain = Object.keys(service.TCP ?? {}).filter((port) => !web.some((handler) => handler.port === port))
  const handlers = [
    ...web.map(({ port, path, proxy }) => `${port}${path} → ${proxy ?? 'a file or text'}`),
    ...plain.map((port) => `tcp ${port}`),
    ...(service.Tun === true ? ['every port, by TUN'] : []),
  ]
  if (handlers.length === 0) return undefined
  return { proxy: web.find(({ port, path }) => port === '443' && path === '/')?.proxy, handlers }
}

const portOf = (host: string): string => host.slice(host.lastIndexOf(':') + 1)

/** The field that we use of `tailscale serve get-config --service=NAME`. */
export const serviceConfigReply = z.object({
  /** false: drained. It is left out when it is true. */
  advertised: z.boolean().default(true),
})
