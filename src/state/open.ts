import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../core/errors.ts'
import type { FleetStore } from '../core/fleet-ports.ts'
import type { HostKeys, Journal, Outputs } from '../core/ports.ts'
import type { Logger } from '../lib/log.ts'
import { type ApprovalStore, openApprovals } from './approvals.ts'
import { FileAuditLog } from './audit-log.ts'
import { type BrakeFile, openBrake } from './brake.ts'
import { type Database, type DatabaseFile, openDatabase } from './database.ts'
import { FileLock } from './file-lock.ts'
import { openFleet } from './fleet.ts'
import { openHostKeys } from './host-keys.ts'
import { type Identity, openIdentity } from './identity.ts'
import { openJournal } from './journal.ts'
import { openOutputs } from './outputs.ts'
import { fleetMigrations, outputMigrations, stateMigrations } from './schema.ts'
import { openTokens, type TokenStore } from './tokens.ts'

export interface StateOptions {
  /** Created 0700 when missing. */
  readonly dir: string
  now(): Date
  newId(length: number): string
  /** This process, and whether another one still runs. */
  readonly process: { readonly id: string; isAlive(processId: string): boolean }
  readonly log: Logger
}

/** The stores of one state directory. */
export interface State {
  readonly audit: FileAuditLog
  readonly approvals: ApprovalStore
  readonly brake: BrakeFile
  readonly fleet: FleetStore
  readonly hostKeys: HostKeys
  /** Who this gateway is; made when it is first asked for. @throws GatewayError state_unavailable */
  identity(): Identity
  readonly journal: Journal
  readonly outputs: Outputs
  readonly tokens: TokenStore
  close(): void
}

/**
 * Opens the stores. Several processes may have the same directory open.
 * @throws GatewayError state_unavailable
 */
export function openState(options: StateOptions): State {
  const { dir, now, newId, process, log } = options
  prepareFolder(dir, log)
  const lock = new FileLock(join(dir, 'audit.lock.db'))
  const audit = new FileAuditLog({ dir, lock, now, newId })
  const opened: Database[] = []
  const open = (name: string, migrations: readonly string[], synchronous: DatabaseFile['synchronous']): Database => {
    const { database, setAside } = lock.hold(() =>
      openDatabase({ path: join(dir, name), migrations, synchronous, now }),
    )
    opened.push(database)
    if (setAside !== undefined)
      report(`${name} was damaged; it is kept as ${setAside}, a new one was begun`, audit, log)
    return database
  }
  const close = (): void => {
    audit.close()
    for (const database of opened) database.close()
    lock.close()
  }
  try {
    const database = open('tailops.db', stateMigrations, 'FULL')
    const outputs = open('outputs.db', outputMigrations, 'OFF')
    const fleet = open('fleet.db', fleetMigrations, 'NORMAL')
    let identity: Identity | undefined
    return {
      audit,
      approvals: openApprovals({ database, now, newId }),
      brake: openBrake(dir, newId),
      fleet: openFleet({ database: fleet, now, process }),
      hostKeys: openHostKeys({ database, now }),
      identity: () => {
        identity ??= openIdentity(dir, newId)
        return identity
      },
      journal: openJournal({ database, now, process }),
      outputs: openOutputs({ database: outputs, now, newId }),
      tokens: openTokens({ database, now, newId }),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

function report(what: string, audit: FileAuditLog, log: Logger): void {
  log.error('state_damaged', { what })
  audit.remark(what)
}

function prepareFolder(dir: string, log: Logger): void {
  try {
    if (!existsSync(dir)) mkdirSync(dir, { recursive: true, mode: 0o700 })
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new GatewayError('state_unavailable', `cannot write to the state directory ${dir}`, {
      hint: 'set TAILOPS_STATE_DIR to a directory that belongs to this user',
      cause: error,
    })
  }
  const found = statSync(dir)
  if (!found.isDirectory()) throw new GatewayError('state_unavailable', `${dir} is not a directory`)
  if ((found.mode & 0o022) !== 0) {
    throw new GatewayError('state_unavailable', `others may write to the state directory ${dir}`, {
      hint: `chmod 700 ${dir}, or set TAILOPS_STATE_DIR to a directory of its own`,
    })
  }
  if ((found.mode & 0o055) !== 0) log.warn('state_directory_readable_by_others', { dir })
}
