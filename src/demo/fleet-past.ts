import type { GuestSeed } from './guest.ts'
import type { BackupJob, Volume } from './parts.ts'
import type { PastRun, TaskName } from './tasks.ts'

const hour = 3_600_000
const day = 24 * hour
const gib = 1024 ** 3
const seconds = (ms: number) => Math.floor(ms / 1000)

/** The nightly backup of `home`, and one that somebody has switched off. */
export const homeJobs = (now: number): readonly BackupJob[] => [
  { id: 'backup-nightly', schedule: '02:30', storage: 'nas', enabled: true, mode: 'snapshot', nextRun: nextNight(now) },
  {
    id: 'backup-media',
    schedule: 'sun 04:00',
    storage: 'nas',
    enabled: false,
    pool: 'media',
    mode: 'stop',
    nextRun: nextNight(now),
  },
]

/** The nightly backups of `office`: nobody thought of the guests that build and test. */
export const officeJobs = (now: number): readonly BackupJob[] =>
  ['shop', 'shared'].map((pool) => ({
    id: `backup-${pool}`,
    schedule: '02:30',
    storage: 'vault',
    enabled: true,
    pool,
    mode: 'snapshot',
    nextRun: nextNight(now),
  }))

/** When the last nightly backup began: 02:30 UTC, an hour ago or more. */
const lastNight = (now: number) => Math.floor((now - 3.5 * hour) / day) * day + 2.5 * hour

const nextNight = (now: number) => seconds(lastNight(now) + day)

/** Guests whose last backup is old, or never was. */
const oldest: Readonly<Record<string, number>> = { immich: 19, 'legacy-erp': 47 }
const never = [
  'runner-1',
  'runner-2',
  'runner-3',
  'registry',
  'gitlab',
  'staging-web',
  'staging-db',
  'test-debian',
  'win11',
]

/** The backups on a storage: of last night, but for the guests that were left out. */
export function backupsOf(storage: string, guests: readonly GuestSeed[], now: number): readonly Volume[] {
  return guests
    .filter(({ name = '', template }) => !template && !never.includes(name))
    .map(({ vmid, kind = 'lxc', name = '', usedDisk = gib }) => {
      const at = lastNight(now) - (oldest[name] ?? 0) * day + (vmid % 60) * 30_000
      const format = kind === 'lxc' ? 'tar.zst' : 'vma.zst'
      return {
        volid: `${storage}:backup/vzdump-${kind}-${vmid}-${stamp(at)}.${format}`,
        content: 'backup',
        format,
        size: Math.round(usedDisk * 0.45),
        ctime: seconds(at),
        vmid,
        notes: name,
      }
    })
}

/** `2026_11_21-03_47_57` */
function stamp(at: number): string {
  const [date = '', time = ''] = new Date(at).toISOString().slice(0, 19).split('T')
  return `${date.replaceAll('-', '_')}-${time.replaceAll(':', '_')}`
}

/** A task that ended before the demo began. */
export interface PastTask {
  readonly name: TaskName
  readonly run: PastRun
}

/** What the task lists of a cluster show, the oldest first. */
export function pastTasks(cluster: string, now: number): readonly PastTask[] {
  const night = lastNight(now)
  const tasks = (cluster === 'home' ? homeTasks : officeTasks).map((past) => {
    const { node, type, id = '', after, minutes, exitstatus, log } = past
    const startedAt = after < 0 ? now + after * 60_000 : night + after * 60_000
    const origin = { method: 'POST', path: `/nodes/${node}`, user: 'root@pam' }
    return {
      name: { node, type, id, origin },
      run: { startedAt, endsAt: startedAt + minutes * 60_000, exitstatus, log },
    }
  })
  return tasks.sort((a, b) => a.run.startedAt - b.run.startedAt)
}

interface Past {
  readonly node: string
  readonly type: string
  readonly id?: string
  /** Minutes after last night's backup began; negative: before now. */
  readonly after: number
  readonly minutes: number
  readonly exitstatus: string
  readonly log: readonly string[]
}

const homeTasks: readonly Past[] = [
  { node: 'alder', type: 'aptupdate', after: 0, minutes: 0.4, exitstatus: 'OK', log: ['starting apt-get update'] },
  {
    node: 'alder',
    type: 'vzdump',
    after: 1,
    minutes: 22,
    exitstatus: 'OK',
    log: ['INFO: Backup job finished successfully'],
  },
  {
    node: 'birch',
    type: 'vzdump',
    after: 1,
    minutes: 31,
    exitstatus: 'job errors',
    log: [
      'INFO: Starting Backup of VM 114 (lxc)',
      'INFO: creating vzdump archive',
      'zstd: error 70 : Write error : cannot write block : No space left on device',
      'ERROR: Backup of VM 114 failed - command failed: exit code 70',
      'INFO: Backup job finished with errors',
    ],
  },
  {
    node: 'cedar',
    type: 'vzdump',
    after: 2,
    minutes: 9,
    exitstatus: 'unexpected status',
    log: ['INFO: Starting Backup of VM 203 (qemu)', 'INFO: status: running'],
  },
  { node: 'cedar', type: 'vzshutdown', id: '109', after: -190, minutes: 0.5, exitstatus: 'OK', log: [] },
]

const officeTasks: readonly Past[] = [
  {
    node: 'oslo',
    type: 'vzdump',
    after: 0,
    minutes: 48,
    exitstatus: 'OK',
    log: ['INFO: Backup job finished successfully'],
  },
  { node: 'turin', type: 'vzdump', after: 0, minutes: 36, exitstatus: 'WARNINGS: 1', log: ['WARN: guest 312 skipped'] },
  {
    node: 'turin',
    type: 'vzmigrate',
    id: '113',
    after: -3,
    minutes: 0.5,
    exitstatus: 'migration aborted',
    log: ["ERROR: migration aborted (duration 00:00:30): Can't connect to destination address"],
  },
]
