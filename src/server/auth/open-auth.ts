import type { AuthSettings } from '../../config/auth-settings.ts'
import type { Tokens } from '../../core/ports.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/log.ts'
import type { Authenticate } from './authenticated.ts'
import { noAuth } from './none.ts'
import { metadataPaths, oidcAuth } from './oidc.ts'
import { tailscaleAuth } from './tailscale.ts'
import { tokenAuth } from './token.ts'

/** The one way in. */
export interface Auth {
  readonly authenticate: Authenticate
  /** What everybody may read: path to answer. */
  readonly documents: Readonly<Record<string, () => Promise<Response>>>
}

export interface AuthParts {
  readonly tokens: Tokens
  readonly clock: Clock
  readonly log: Logger
  /** Somebody at this address wrote an identity into the request that only tailscaled may write. */
  onForged(address: string, claimed: string): void
}

/** Who may come in, and how they show who they are. */
export function openAuth(settings: AuthSettings, { tokens, clock, log, onForged }: AuthParts): Auth {
  if (settings.mode === 'none') return { authenticate: noAuth, documents: {} }
  if (settings.mode === 'token') return { authenticate: tokenAuth(tokens), documents: {} }
  if (settings.mode === 'tailscale')
    return { authenticate: tailscaleAuth({ settings: settings.tailscale, clock, log, onForged }), documents: {} }
  const { authenticate, metadata } = oidcAuth({ settings: settings.oidc, baseUrl: settings.baseUrl, clock, log })
  return { authenticate, documents: { [metadataPaths.root]: metadata, [metadataPaths.mcp]: metadata } }
}
