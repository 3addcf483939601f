import { spawnSync } from 'node:child_process'

/** Ids of the processes that this one has started. */
export function childrenOf(pid: number | undefined): readonly string[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  return stdout.split('\n').filter((line) => line.trim() !== '')
}
