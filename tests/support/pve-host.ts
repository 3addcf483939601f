import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const tool = join(import.meta.dirname, 'pve-host.sh')

/** ct/tailops-gateway.sh of this tree. */
export const ctScript = join(root, 'ct/tailops-gateway.sh')

/** Whether a Proxmox VE host of LXC can be made here. */
export const canMakePveHosts =
  process.getuid?.() === 0 &&
  ['lxc-start', 'newuidmap', 'mmdebstrap', 'zstd', 'ip'].every((program) => Bun.which(program) !== null)

/** What a run of the script did. */
export interface Ran {
  readonly code: number | null
  /** What it wrote to stdout and stderr. */
  readonly text: string
}

/** How the script is run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** Around it, in bash; default `exec bash "$0" "$@"`, where $0 is the script. */
  readonly form?: string
  readonly script?: string
  /** Without `--from`. */
  readonly released?: boolean
}

/** A Proxmox VE host whose containers are real. */
export interface PveHost {
  /** Where all that there is of it stands. */
  readonly folder: string
  /** Runs ct/tailops-gateway.sh there, from the files of a release. */
  run(options?: RunOptions): Ran
  /** Runs a program there. */
  sh(text: string): Ran
  spawn(argv: readonly string[]): ChildProcess
  /** Containers, templates, users, roles, tokens, grants, ranges of ids, and files on the host: what there is now. */
  world(): string
  /** What its programs did since it was made or `forget`. */
  effects(): readonly string[]
  calls(): readonly string[]
  /** What goes wrong from now on, each like `fail 1 pct start*`: see pve-host/common.bash. */
  faults(...lines: readonly string[]): void
  /** Writes a file that says how the host is. */
  set(name: string, text?: string): void
  unset(name: string): void
  forget(): void
  stop(): void
}

/** What a Proxmox VE host is made with. */
export interface HostOptions {
  readonly release?: string
  readonly template?: 'debian' | 'small'
  /** The folder of `--from`. */
  readonly files: string
}

/** Makes a host of this release of Proxmox VE, whose API answers, with a container 100 of somebody else. */
export async function makePveHost({ release = '9.2.11', template = 'small', files }: HostOptions): Promise<PveHost> {
  const folder = mkdtempSync(join(tmpdir(), 'tailops-pve-'))
  const pid = execFileSync('sh', [tool, 'up', folder, release], { encoding: 'utf8' }).trim()
  execFileSync('sh', [tool, 'template', template, join(folder, 'catalogue/debian-13-standard_13.6-1_amd64.tar.zst')])
  writeFileSync(join(folder, 'pve/lxc/100.conf'), 'hostname: pihole\nrootfs: local-lvm:vm-100-disk-0,size=2G\n')
  const enter = ['-t', pid, '-m', '-n', '-u', '--', 'env', '-i'] as const
  const base = { PATH: `${folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: '/root', TMPDIR: join(folder, 'tmp') }
  execFileSync('mkdir', [base.TMPDIR])
  const inside = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const given = Object.entries({ ...base, ...env }).map(([name, value]) => `${name}=${value}`)
    const { status, signal, stdout, stderr } = spawnSync('nsenter', [...enter, ...given, ...argv], { encoding: 'utf8' })
    return { code: status ?? (signal === null ? null : 128), text: stdout + stderr }
  }
  const text = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '')
  const lines = (name: string) => text(name).split('\n').slice(0, -1)
  const spawnInside = (argv: readonly string[]) =>
    spawn('nsenter', [...enter, ...Object.entries(base).map(([name, value]) => `${name}=${value}`), ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const api = spawnInside([process.execPath, join(import.meta.dirname, 'pve-host/api.ts'), folder])
  if (api.stdout === null) throw new Error('the API has no output')
  await Promise.race([
    once(api.stdout, 'data'),
    once(api, 'exit').then(() => {
      throw new Error('the API of the host has ended')
    }),
  ])
  return {
    folder,
    run({ env = {}, args = [], form = 'exec bash "$0" "$@"', script = ctScript, released = false } = {}) {
      const started = `echo $$ >'${folder}/script'; ${form}`
      return inside(['bash', '-c', started, script, ...(released ? [] : ['--from', files]), ...args], env)
    },
    sh: (words) => inside(['bash', '-c', words]),
    spawn: spawnInside,
    world: () =>
      [
        ...readdirSync(join(folder, 'pve/lxc')).map((name) => `${name}\n${text(`pve/lxc/${name}`)}`),
        ...readdirSync(join(folder, 'lxc')).map((name) => `rootfs ${name}`),
        ...readdirSync(join(folder, 'templates')),
        ...readdirSync(join(folder, 'tmp')).map((name) => `left in tmp: ${name}`),
        ...['users', 'roles', 'tokens', 'acls', 'upper/subuid', 'upper/subgid'].map((name) => `${name}\n${text(name)}`),
      ].join('\n'),
    effects: () => lines('effects'),
    calls: () => lines('calls'),
    faults(...faults) {
      for (const name of readdirSync(folder)) if (name.startsWith('matched.')) rmSync(join(folder, name))
      writeFileSync(join(folder, 'fault'), faults.map((line) => `${line}\n`).join(''))
    },
    set: (name, words = '') => writeFileSync(join(folder, name), words),
    unset: (name) => rmSync(join(folder, name), { force: true }),
    forget() {
      for (const name of ['effects', 'calls']) writeFileSync(join(folder, name), '')
    },
    stop() {
      api.kill()
      execFileSync('sh', [tool, 'down', folder])
    },
  }
}
