import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const loader = '/lib/ld-musl-x86_64.so.1'
const libraries = ['/usr/lib/x86_64-linux-gnu/libstdc++.so.6', '/lib/x86_64-linux-gnu/libgcc_s.so.1']

/** Whether a root with musl can be made and entered here: as root, with Debian's musl, BusyBox and a C compiler. */
export const canEnterMusl =
  process.getuid?.() === 0 &&
  [loader, ...libraries].every((file) => existsSync(file)) &&
  ['gcc', 'busybox', 'unshare', 'chroot'].every((program) => Bun.which(program) !== null)

/**
 * Makes `root` one of a small musl system: musl as the C library, BusyBox as the userland, and Debian's libstdc++ with
 * what it lacks there (musl-shim.c), since Debian has none that was built for musl.
 */
export function makeMuslRoot(root: string): void {
  for (const folder of ['lib', 'usr/lib', 'bin', 'proc', 'dev', 'tmp'])
    mkdirSync(join(root, folder), { recursive: true })
  copyFileSync(loader, join(root, loader))
  symlinkSync('ld-musl-x86_64.so.1', join(root, 'lib/libc.musl-x86_64.so.1'))
  for (const library of libraries)
    copyFileSync(realpathSync(library), join(root, 'usr/lib', library.replace(/.*\//, '')))
  const name = 'ld-linux-x86-64.so.2'
  const shim = ['-shared', '-fPIC', '-nostdlib', `-Wl,-soname,${name}`, '-o', join(root, 'usr/lib', name)]
  execFileSync('gcc', [...shim, join(import.meta.dirname, 'musl-shim.c')], { stdio: 'pipe' })
  const busybox = realpathSync(Bun.which('busybox') ?? '')
  copyFileSync(busybox, join(root, 'bin/busybox'))
  const programs = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  for (const program of programs) if (program !== 'busybox') symlinkSync('busybox', join(root, 'bin', program))
}

/** argv that runs a program in it, with /proc and /dev that no one else sees mounted. */
export const inMuslRoot = (root: string, ...argv: readonly string[]): readonly [string, ...string[]] => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'root=$1; shift; mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && exec chroot "$root" "$@"',
  'sh',
  root,
  ...argv,
]
