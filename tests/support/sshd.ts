import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SshConnection } from '../../src/core/connection.ts'

/** A real OpenSSH server of its own on loopback; we may log in with `keyPath`. */
export interface Sshd {
  readonly dir: string
  readonly port: number
  readonly keyPath: string
  /** `SHA256:…` of its host key. */
  readonly fingerprint: string
  /** A line of its public host key: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string
  /** How to reach it, trusting its host key. */
  connection(more?: Partial<SshConnection>): SshConnection
  /** Ends every connection to it; it goes on listening. */
  cutConnections(): void
  stop(): Promise<void>
}

/**
 * @param lines more of sshd_config, first of all
 * @param env what sessions see besides a home folder of their own, `dir`
 */
export async function startSshd(
  lines: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-sshd-'))
  const port = await freePort()
  const username = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()
  const [hostKeyPath, keyPath] = [join(dir, 'host_key'), join(dir, 'user_key')]
  for (const path of [hostKeyPath, keyPath])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path])
  copyFileSync(`${keyPath}.pub`, join(dir, 'authorized_keys'))
  const setEnv = Object.entries({ HOME: dir, ...env })
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
  const config = [...lines, `SetEnv ${setEnv}`, ...configOf(dir, port)].join('\n')
  writeFileSync(join(dir, 'config'), `${config}\n`)
  // Privilege separation needs this folder.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-f', join(dir, 'config'), '-E', join(dir, 'log')], { stdio: 'ignore' })
  await listening(sshd, port)
  const [, fingerprint = ''] = execFileSync('ssh-keygen', ['-lf', `${hostKeyPath}.pub`], { encoding: 'utf8' }).split(
    ' ',
  )
  const hostKey = execFileSync('cat', [`${hostKeyPath}.pub`], { encoding: 'utf8' }).trim()
  return {
    dir,
    port,
    keyPath,
    fingerprint,
    hostKey,
    connection: (more = {}) => ({
      kind: 'ssh',
      host: '127.0.0.1',
      port,
      username,
      keyPath,
      hostKey: fingerprint,
      acceptNew: false,
      ...more,
    }),
    cutConnections: () => {
      for (const pid of childrenOf(sshd.pid)) killTree(pid)
    },
    async stop() {
      for (const pid of childrenOf(sshd.pid)) killTree(pid)
      const ended = new Promise((resolve) => sshd.once('exit', resolve))
      if (sshd.exitCode === null && sshd.kill()) await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

const configOf = (dir: string, port: number): readonly string[] => [
  `Port ${port}`,
  'ListenAddress 127.0.0.1',
  `HostKey ${join(dir, 'host_key')}`,
  `PidFile ${join(dir, 'pid')}`,
  `AuthorizedKeysFile ${join(dir, 'authorized_keys')}`,
  'PermitRootLogin yes',
  'StrictModes no',
  'UsePAM no',
  'UseDNS no',
  'PrintMotd no',
  'LogLevel VERBOSE',
]

/** Processes of sshd that carry connections: below the listener, by name. */
function childrenOf(pid: number | undefined): readonly number[] {
  try {
    return execFileSync('pgrep', ['-P', String(pid), '^sshd'], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
      .map(Number)
  } catch {
    // pgrep ends with 1 when there is none.
    return []
  }
}

/** A connection's monitor and, for logins other than root, the process below it; not the sessions. */
function killTree(pid: number): void {
  for (const child of childrenOf(pid)) killTree(child)
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** A port of 127.0.0.1 where nobody listens. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function listening(sshd: ChildProcess, port: number): Promise<void> {
  const until = performance.now() + 10_000
  while (!(await answers(port))) {
    if (sshd.exitCode !== null || performance.now() > until) throw new Error('sshd does not listen')
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
