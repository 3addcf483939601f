import { linesOf, plain } from './sections.ts'

/** `Key=Value` lines of `systemctl show`; the first of a key counts. */
export function parseShow(text: string): ReadonlyMap<string, string> {
  const properties = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? []
    if (key !== undefined && value !== undefined && !properties.has(key)) properties.set(key, plain(value))
  }
  return properties
}

/** What a tool said when it failed, as one line. */
export const saidIn = (text: string | undefined): string =>
  linesOf(text ?? '')
    .map(plain)
    .join(' ')
    .slice(0, 300)

const openRcStates: Readonly<Record<string, string>> = {
  started: 'active',
  stopped: 'inactive',
  crashed: 'failed',
  // Its supervisor is gone.
  unsupervised: 'failed',
  failed: 'failed',
  starting: 'activating',
  stopping: 'deactivating',
  inactive: 'activating',
  scheduled: 'activating',
}

/** ` * status: started` of OpenRC: systemd's word for the state, and OpenRC's own. */
export function openRcState(text = ''): { readonly state: string; readonly sub: string } {
  const sub = /status: (\w+)/.exec(text)?.[1] ?? 'unknown'
  return { state: openRcStateOf(sub), sub }
}

/** systemd's word for a state of OpenRC. */
export const openRcStateOf = (word: string): string => openRcStates[word] ?? 'unknown'

/** The runlevels of a service in `rc-update show` (`  sshd | boot default`), joined by blanks; empty when in none. */
export function runlevelsOf(text = '', name: string): string {
  const line = text.split('\n').find((candidate) => candidate.split('|')[0]?.trim() === name)
  return plain(line?.split('|')[1] ?? '').replace(/\s+/g, ' ')
}
