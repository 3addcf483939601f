import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { capabilityWords, expandCapabilities } from '../core/capability.ts'
import { GatewayError } from '../core/errors.ts'
import type { Tokens } from '../core/ports.ts'
import { sha256 } from '../lib/digest.ts'
import { nearest } from '../lib/nearest.ts'
import { json, optional, time } from './columns.ts'
import type { Database } from './database.ts'

export interface TokenOptions {
  readonly database: Database
  now(): Date
  newId(length: number): string
}

/** What is asked for when a token is made. */
export interface NewToken {
  readonly name: string
  /** Capabilities and bundles: `readonly`, `container:control`. */
  readonly scopes: readonly string[]
  readonly expiresAt: Date
}

/** The tokens of this gateway: made and revoked on the command line, verified by the server. */
export interface TokenStore extends Tokens {
  /** The token itself is known only to who receives it here. @throws GatewayError invalid_input */
  mint(token: NewToken): { readonly id: string; readonly token: string }
  /** Newest first. */
  list(): readonly z.output<typeof row>[]
  /** @throws GatewayError not_found */
  revoke(id: string): void
}

const row = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: json(z.array(z.string())),
    hash: z.string(),
    created_at: time,
    expires_at: time,
    revoked_at: optional(time),
  })
  .transform(({ id, name, scopes, created_at, expires_at, revoked_at }) => {
    return { id, name, scopes, createdAt: created_at, expiresAt: expires_at, revokedAt: revoked_at }
  })

const proofRow = z.object({
  id: z.string(),
  scopes: json(z.array(z.string())),
  hash: z.string(),
  expires_at: time,
})

type Verified = ReturnType<Tokens['verify']>

interface Remembered {
  readonly verified: Verified
  readonly at: number
}

const shape = /^tops_([a-z0-9]{4,32})_[a-z0-9]{32,128}$/
const rememberedMs = 5000
const noticedWithinMs = 10
const maxRemembered = 1000
const maxLifeMs = 366 * 86_400_000

/** The table of tokens, of which it keeps the SHA-256 only; they are random, so a slow hash would add nothing. */
export function openTokens({ database, now, newId }: TokenOptions): TokenStore {
  const remembered = new Map<string, Remembered>()
  let version: number | undefined
  let lookedAt = Number.NEGATIVE_INFINITY

  /** Any commit of another process to the database, as of a revocation, makes us ask again; noticed within 10 ms. */
  const forgetWhenChanged = (ms: number): void => {
    if (ms >= lookedAt && ms - lookedAt < noticedWithinMs) return
    lookedAt = ms
    const seen = database.dataVersion()
    if (seen !== version) remembered.clear()
    version = seen
  }

  const proven = (token: string, hash: string): Verified => {
    const id = shape.exec(token)?.[1]
    const found = id && database.first(proofRow, 'SELECT * FROM tokens WHERE id = ? AND revoked_at IS NULL', [id])
    if (!found || !timingSafeEqual(Buffer.from(found.hash, 'hex'), Buffer.from(hash, 'hex'))) return undefined
    const caller = { id: `token:${found.id}`, scopes: expandCapabilities(found.scopes) }
    return { caller, expiresAt: found.expires_at }
  }

  const remember = (hash: string, verified: Verified, at: number): Verified => {
    if (remembered.size >= maxRemembered) remembered.clear()
    remembered.set(hash, { verified, at })
    return verified
  }

  return {
    verify(token) {
      if (!shape.test(token)) return undefined
      const ms = now().getTime()
      const hash = sha256(token)
      forgetWhenChanged(ms)
      const known = remembered.get(hash)
      const fresh = known !== undefined && ms >= known.at && ms - known.at <= rememberedMs
      const verified = fresh ? known.verified : remember(hash, proven(token, hash), ms)
      return verified !== undefined && verified.expiresAt.getTime() > ms ? verified : undefined
    },
    mint(asked) {
      check(asked, now())
      const id = newId(8)
      const token = `tops_${id}_${newId(40)}`
      const times = [now().getTime(), asked.expiresAt.getTime()]
      database.run(mintSql, [id, asked.name, JSON.stringify(asked.scopes), sha256(token), ...times])
      remembered.clear()
      return { id, token }
    },
    list: () => database.all(row, 'SELECT * FROM tokens ORDER BY created_at DESC, rowid DESC'),
    revoke(id) {
      remembered.clear()
      const ms = now().getTime()
      const known = database.run('UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?', [ms, id])
      if (known === 1) return
      throw new GatewayError('not_found', `there is no token ${id}`, { hint: '`tailops token list` shows their ids' })
    },
  }
}

const mintSql = 'INSERT INTO tokens (id, name, scopes, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)'

function check({ name, scopes, expiresAt }: NewToken, now: Date): void {
  if (!/^[\p{L}\p{N}\p{P}\p{S} ]{1,64}$/u.test(name)) {
    throw new GatewayError('invalid_input', 'the name of a token is 1 to 64 printable characters')
  }
  if (scopes.length === 0) throw new GatewayError('invalid_input', 'a token needs at least one scope', scopeHint)
  const unknown = scopes.find((word) => !capabilityWords.includes(word))
  if (unknown !== undefined) {
    const near = nearest(unknown, capabilityWords)
    const hint = near === undefined ? scopeHint.hint : `did you mean ${near}?`
    throw new GatewayError('invalid_input', `${JSON.stringify(unknown)} is no scope`, { hint })
  }
  const lifeMs = expiresAt.getTime() - now.getTime()
  if (lifeMs > 0 && lifeMs <= maxLifeMs) return
  throw new GatewayError('invalid_input', 'a token must expire in the future and within 366 days')
}

const scopeHint = { hint: `known scopes: ${capabilityWords.join(', ')}` }
