import { readFileSync } from 'node:fs'

/** `1234:567890`: a process id and when it began, so that a reused id is not taken for it. */
export function processIdentity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // Field 22 of proc(5), counted after the name, which may hold spaces and parentheses.
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return `${pid}:${started}`
  } catch {
    return undefined
  }
}

/** Whether the process with this identity still runs. Without /proc only the process id is compared. */
export function isProcessAlive(identity: string): boolean {
  const pid = Number(identity.split(':')[0])
  if (!Number.isInteger(pid) || pid <= 0) return false
  return processIdentity(pid) === identity
}
