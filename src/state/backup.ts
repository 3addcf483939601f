import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { GatewayError } from '../core/errors.ts'
import { stateUnavailable } from './state-error.ts'

/** Migrated by newer versions; outputs.db may be lost, and the audit log is only ever added to. */
const databases = ['tailops.db', 'fleet.db']

const folderOf = (dir: string): string => join(dir, 'before-update')

/**
 * Copies the databases of a state directory, as they stand, to `before-update/` in it; the service may be running. The copy
 * before is replaced when the new one is whole. Returns their names. @throws GatewayError state_unavailable
 */
export function backUpState(dir: string): readonly string[] {
  const folder = folderOf(dir)
  const fresh = `${folder}.new`
  try {
    return asOwnerOf(dir, () => {
      const there = databases.filter((name) => existsSync(join(dir, name)))
      if (there.length === 0) return []
      rmSync(fresh, { recursive: true, force: true })
      mkdirSync(fresh, { mode: 0o700 })
      for (const name of there) copyDatabase(join(dir, name), join(fresh, name))
      rmSync(folder, { recursive: true, force: true })
      renameSync(fresh, folder)
      sync(dir)
      return there
    })
  } catch (error) {
    throw stateUnavailable(`cannot back up the state in ${dir}`, error)
  }
}

/**
 * Puts back the databases whose schema has become newer since backUpState; the service must be stopped. What is replaced is
 * kept as `NAME.newer`. Returns the names of what was put back. @throws GatewayError state_unavailable
 */
export function restoreOlderState(dir: string): readonly string[] {
  const folder = folderOf(dir)
  try {
    return asOwnerOf(dir, () => {
      const newer = databases.filter((name) => isNewer(join(dir, name), join(folder, name)))
      for (const name of newer) putBack(join(folder, name), join(dir, name))
      return newer
    })
  } catch (error) {
    throw stateUnavailable(`cannot put the state in ${dir} back`, error)
  }
}

/** Whether restoreOlderState would put something back. @throws GatewayError state_unavailable */
export function isStateNewer(dir: string): boolean {
  try {
    return asOwnerOf(dir, () => databases.some((name) => isNewer(join(dir, name), join(folderOf(dir), name))))
  } catch (error) {
    throw stateUnavailable(`cannot read the state in ${dir}`, error)
  }
}

const isNewer = (path: string, backup: string): boolean =>
  existsSync(path) && existsSync(backup) && schemaOf(path) > schemaOf(backup)

function schemaOf(path: string): number {
  return withDatabase(path, (database) => Number(database.prepare('PRAGMA user_version').get()?.['user_version']))
}

function copyDatabase(from: string, to: string): void {
  withDatabase(from, (database) => database.prepare('VACUUM INTO ?').run(to))
  sync(to)
}

/** One rename: the newer database with nothing left in its -wal, or the older one. */
function putBack(backup: string, path: string): void {
  withDatabase(path, (database) => database.exec('PRAGMA wal_checkpoint(TRUNCATE)'))
  if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new GatewayError('state_unavailable', `${path} is in use`, { hint: 'stop every tailops, then try again' })
  }
  rmSync(`${path}-wal`, { force: true })
  rmSync(`${path}-shm`, { force: true })
  const fresh = `${path}.older`
  copyFileSync(backup, fresh)
  sync(fresh)
  rmSync(`${path}.newer`, { force: true })
  linkSync(path, `${path}.newer`)
  renameSync(fresh, path)
}

function withDatabase<T>(path: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA busy_timeout = 2000')
    return work(database)
  } finally {
    database.close()
  }
}

/**
 * Works with the rights of the directory's owner: the service may write there, so root would follow whatever link it finds.
 */
function asOwnerOf<T>(dir: string, work: () => T): T {
  const owner = statSync(dir, { throwIfNoEntry: false })
  if (process.geteuid?.() !== 0 || owner === undefined || owner.uid === 0) return work()
  process.setegid?.(owner.gid)
  process.seteuid?.(owner.uid)
  try {
    return work()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
