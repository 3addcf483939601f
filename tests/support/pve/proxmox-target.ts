import type { ProxmoxConnection } from '../../../src/core/connection.ts'
import { Secret } from '../../../src/lib/secret.ts'
import { fullToken } from './stand-in.ts'

/** The connection of a cluster with the full token. */
export const proxmoxAt = (apiUrls: readonly string[], more: Partial<ProxmoxConnection> = {}): ProxmoxConnection => ({
  kind: 'proxmox',
  apiUrls,
  nodes: {},
  prefixes: [],
  tokenId: fullToken.id,
  tokenSecret: new Secret(fullToken.secret),
  tls: { verify: true },
  defaults: {},
  discovery: {
    enabled: false,
    intervalMs: 300_000,
    healthIntervalMs: 60_000,
    register: [],
    capabilities: [],
    include: {},
    exclude: {},
  },
  ...more,
})
