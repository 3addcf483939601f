import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { GatewayError } from '../core/errors.ts'
import { isPublicKey, readAnchors } from '../state/audit-head.ts'
import { linesForward } from '../state/audit-lines.ts'
import { type OfflineVerdict, verifyOffline } from '../state/audit-offline.ts'
import type { World } from './command.ts'

/** Which log is checked against what. */
export interface OfflineCheck {
  /** An export; undefined: the log of this gateway. */
  readonly file?: string | undefined
  /** The public key; undefined: that of this gateway. */
  readonly key?: string | undefined
  /** A file of anchors. */
  readonly anchor?: string | undefined
  readonly json: boolean
}

/** `audit verify` for who has an export and the gateway's public key, and for the gateway's own log with anchors. */
export function verifyAgainst(world: World, { file, key, anchor, json }: OfflineCheck): number {
  const publicKey = key ?? world.stores().identity().publicKey
  if (!isPublicKey(publicKey))
    throw new GatewayError('invalid_input', `${JSON.stringify(publicKey.slice(0, 60))} is no public key`, {
      hint: 'give the public_key that tailops audit head shows on the gateway: 44 characters of base64',
    })
  const { anchors, foreign } = anchor === undefined ? none : readAnchors(textOf(anchor), publicKey)
  const lines = file === undefined ? world.stores().audit.lines() : linesOf(file)
  const verdict = verifyOffline(lines, { publicKey, anchors })
  const { out, err } = world.terminal
  if (foreign > 0) err(`${foreign} anchors in ${anchor} are not signed by this key; they were left out\n`)
  if (anchor !== undefined && anchors.length === 0) {
    err(`${anchor} has no anchor that is signed by this key: it proves nothing\n`)
    return 1
  }
  if (json) out(`${JSON.stringify(verdict)}\n`)
  else if (verdict.ok) out(`${file ?? 'the audit log'} holds: ${inWords(verdict)}\n`)
  else err(`${file ?? 'the audit log'} does not hold, line ${verdict.broken?.line}: ${verdict.broken?.why}\n`)
  return verdict.ok ? 0 : 1
}

const none = { anchors: [], foreign: 0 }

function inWords({ records, first, last, redacted, signedAt, anchors }: OfflineVerdict): string {
  const which = records === 0 ? '' : ` (${first} to ${last})`
  const signed =
    signedAt === undefined
      ? 'no signature under it: lines may be missing at its end'
      : `signed as complete at ${signedAt}`
  const agreed = anchors === 0 ? '' : `; ${anchors} anchors agree`
  return `${records} ${redacted ? 'redacted ' : ''}records${which}; ${signed}${agreed}`
}

function* linesOf(path: string): Generator<string> {
  const fd = opened(path)
  try {
    for (const { bytes } of linesForward({ fd, size: fstatSync(fd).size })) yield bytes.toString('utf8')
  } finally {
    closeSync(fd)
  }
}

const opened = (path: string): number => reading(path, () => openSync(path, 'r'))

const textOf = (path: string): string => reading(path, () => readFileSync(path, 'utf8'))

/** @throws GatewayError invalid_input */
function reading<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new GatewayError('invalid_input', `cannot read ${path}: ${error instanceof Error ? error.message : error}`, {
      hint: 'name a file of tailops audit export, or of anchors',
    })
  }
}
