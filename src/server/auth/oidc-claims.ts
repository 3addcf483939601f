import { z } from 'zod'
import { isCapability } from '../../core/capability.ts'
import type { Caller } from '../../core/target.ts'

/** Which claims tell of rights. */
export interface ClaimNames {
  /** Undefined: `username`, or a verified `email`. */
  readonly login?: string | undefined
  readonly groups: string
}

/** What we use of a token, however it was read. */
export const tokenClaims = z.looseObject({
  iss: z.string().optional(),
  // OpenID Connect Core §2: at most 255 ASCII characters.
  sub: z.string().regex(/^[\x20-\x7e]{1,255}$/),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number(),
  nbf: z.number().optional(),
  scope: z.string().optional(),
  scp: z.union([z.string(), z.array(z.string())]).optional(),
})

export type TokenClaims = z.output<typeof tokenClaims>

/** Whose claims they are. */
export interface ClaimSource {
  readonly issuer: string
  readonly names: ClaimNames
  /** Whether scopes of ours are among those that the provider gives. */
  readonly givesScopes: boolean
}

/** The caller that a token is of. Scopes count where they are capabilities by their full names; a bundle is none. */
export function callerOfClaims(claims: TokenClaims, { issuer, names, givesScopes }: ClaimSource): Caller {
  const login = loginOf(claims, names.login)
  const groups = z.array(z.string()).safeParse(claims[names.groups])
  return {
    id: `oidc:${new URL(issuer).host}:${claims.sub}`,
    scopes: [...new Set(scopesOf(claims))].filter(isCapability).sort(),
    proof: {
      kind: 'oidc',
      ...(login !== undefined && { login }),
      groups: groups.success ? groups.data : [],
      tags: [],
      givesScopes,
    },
  }
}

function scopesOf({ scope = '', scp = [] }: TokenClaims): readonly string[] {
  return [scope, scp].flat().flatMap((words) => words.split(' '))
}

/** What users can write themselves at many providers (`preferred_username`, an email nobody has verified) counts only when it is asked for. */
function loginOf(claims: TokenClaims, name: string | undefined): string | undefined {
  const verified = claims['email_verified'] === true ? claims['email'] : undefined
  const login = name === undefined ? (claims['username'] ?? verified) : claims[name]
  return typeof login === 'string' && login !== '' ? login : undefined
}
