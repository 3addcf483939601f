import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SshConnection } from '../../src/core/connection.ts'
import { childrenOf } from './children-of.ts'
import { eventually } from './eventually.ts'
import { freePort } from './sshd.ts'

/** A real Dropbear of its own on loopback, as small machines have; root logs in with our key. */
export interface Dropbear {
  /** The home folder of its sessions. */
  readonly home: string
  connection(more?: Partial<SshConnection>): SshConnection
  stop(): Promise<void>
}

/** It looks for keys in the home folder only: it has a mount namespace in which /root is a folder of ours. */
export async function startDropbear(): Promise<Dropbear> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-dropbear-'))
  const home = join(dir, 'home')
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 })
  const [hostKeyPath, keyPath] = [join(dir, 'host_key'), join(dir, 'user_key')]
  execFileSync('dropbearkey', ['-t', 'ed25519', '-f', hostKeyPath], { stdio: 'pipe' })
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', keyPath])
  copyFileSync(`${keyPath}.pub`, join(home, '.ssh/authorized_keys'))
  const port = await freePort()
  const flags = ['-F', '-E', '-m', '-s', '-r', hostKeyPath, '-P', join(dir, 'pid'), '-p', `127.0.0.1:${port}`]
  const inNamespace = 'mount --bind "$1" /root; shift; exec dropbear "$@"'
  const server = spawn('unshare', ['--mount', 'sh', '-c', inNamespace, 'sh', home, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const began = Promise.withResolvers<void>()
  server.stderr.on('data', (chunk: Buffer) => chunk.includes('Not backgrounding') && began.resolve())
  server.once('exit', () => began.reject(new Error('dropbear ended at once')))
  await began.promise
  const shown = execFileSync('dropbearkey', ['-y', '-f', hostKeyPath], { encoding: 'utf8' })
  const hostKey = shown.split('\n').find((line) => line.startsWith('ssh-ed25519 '))
  return {
    home,
    connection: (more = {}) => ({
      kind: 'ssh',
      host: '127.0.0.1',
      port,
      username: 'root',
      keyPath,
      hostKey,
      acceptNew: false,
      ...more,
    }),
    async stop() {
      const { pid = 0 } = server
      const ended = new Promise((resolve) => server.once('exit', resolve))
      for (const child of childrenOf(pid)) process.kill(Number(child), 'SIGKILL')
      server.kill('SIGKILL')
      await ended
      await eventually(() => childrenOf(pid).length === 0, 'dropbear ended')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
