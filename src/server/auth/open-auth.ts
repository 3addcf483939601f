import type { AuthSettings, OidcSettings, TailscaleSettings, TokenSettings } from '../../config/auth-settings.ts'
import type { Tokens } from '../../core/ports.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Logger } from '../../lib/log.ts'
import type { Authenticate } from './authenticated.ts'
import { noAuth } from './none.ts'
import { metadataPaths, oidcAuth } from './oidc.ts'
import { oldTokens } from './old-token.ts'
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
export function openAuth(settings: AuthSettings, parts: AuthParts): Auth {
  if (settings.mode === 'none') return { authenticate: noAuth, documents: {} }
  const own = settings.tokens && tokenAuth(tokensOf(settings.tokens, parts))
  if (settings.mode === 'token') return { authenticate: own ?? tokenAuth(parts.tokens), documents: {} }
  const other = settings.mode === 'tailscale' ? byTailnet(settings.tailscale, parts) : byProvider(settings, parts)
  return { ...other, authenticate: own === undefined ? other.authenticate : either(own, other.authenticate) }
}

/** A token that says it is the gateway's own is judged as that alone, all else as the other proof alone. */
const either =
  (own: Authenticate, other: Authenticate): Authenticate =>
  (request, peer) =>
    /^bearer +tops_/i.test(request.headers.get('authorization') ?? '') ? own(request, peer) : other(request, peer)

function byTailnet(settings: TailscaleSettings, { clock, log, onForged }: AuthParts): Auth {
  return { authenticate: tailscaleAuth({ settings, clock, log, onForged }), documents: {} }
}

function byProvider(
  { oidc, baseUrl }: { readonly oidc: OidcSettings; readonly baseUrl: string },
  parts: AuthParts,
): Auth {
  const { authenticate, metadata } = oidcAuth({ ...parts, settings: oidc, baseUrl })
  return { authenticate, documents: { [metadataPaths.root]: metadata, [metadataPaths.mcp]: metadata } }
}

function tokensOf({ oldSecret }: TokenSettings, { tokens, clock, log }: AuthParts): Tokens {
  if (oldSecret === undefined) return tokens
  const old = oldTokens({ secret: oldSecret, clock, log })
  return { verify: (token) => (token.startsWith('tops_') ? tokens.verify(token) : old.verify(token)) }
}
