import { request } from 'node:http'
import { z } from 'zod'
import { GatewayError } from '../../core/errors.ts'
import { parseJson } from '../../lib/json.ts'
import { readCapped } from '../../lib/read-capped.ts'

const reply = z.object({
  Node: z.object({ Name: z.string(), Tags: z.array(z.string()).nullish() }),
  UserProfile: z.object({ LoginName: z.string() }),
  CapMap: z.record(z.string(), z.array(z.unknown()).nullable()).nullish(),
})

/** Who has an address of the tailnet. */
export interface WhoIs {
  /** A person's login; undefined for a tagged machine. */
  readonly login?: string | undefined
  /** Name of the machine in the tailnet, without the dot at its end. */
  readonly machine: string
  readonly tags: readonly string[]
  /** App capabilities that grants of the tailnet give it here: name to values. */
  readonly capabilities: Readonly<Record<string, readonly unknown[]>>
}

const withinMs = 5000
const maxBytes = 1024 * 1024

/**
 * Asks the tailscaled of this machine who has an address (`100.64.0.7:4711`, or without port); undefined: nobody of the tailnet.
 * @throws GatewayError unreachable, unexpected_reply
 */
export async function whoIs(socketPath: string, address: string): Promise<WhoIs | undefined> {
  const { status, text } = await get(socketPath, `/localapi/v0/whois?addr=${encodeURIComponent(address)}`)
  if (status === 404) return undefined
  const { success, data } = reply.safeParse(status === 200 ? parseJson(text) : undefined)
  if (!success)
    throw new GatewayError('unexpected_reply', `tailscaled answered who ${address} is with status ${status}`)
  const tags = data.Node.Tags ?? []
  const capabilities = Object.entries(data.CapMap ?? {}).map(([name, values]) => [name, values ?? []])
  return {
    // A tagged machine belongs to nobody: its "login" is a word that all of them share.
    ...(tags.length === 0 && { login: data.UserProfile.LoginName }),
    machine: data.Node.Name.replace(/\.$/, ''),
    tags,
    capabilities: Object.fromEntries(capabilities),
  }
}

function get(socketPath: string, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const headers = { Host: 'local-tailscaled.sock' }
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) => {
      const hint = 'is tailscaled running? TAILOPS_TAILSCALE_SOCKET names its socket'
      reject(new GatewayError('unreachable', `tailscaled does not answer at ${socketPath}`, { hint, cause }))
    }
    const signal = AbortSignal.timeout(withinMs)
    const asked = request({ socketPath, path, headers, agent: false, signal }, (response) => {
      readCapped(response, maxBytes).then(({ text }) => resolve({ status: response.statusCode ?? 0, text }), failed)
    })
    asked.once('error', failed).end()
  })
}
