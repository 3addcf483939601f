import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Stands in files that nobody may read. */
export const canary = 'CANARY-8f2c'

/** Files of the root that may be read, with names that are hard to pass on. */
export const readable = [
  'plain.log',
  ' spaced  name.log',
  'new\nline.log',
  '-rf',
  '$(id)`x`;&',
  'ünï.log',
  'sub/deep/er.log',
  '.hidden',
  'back\\slash',
  '*',
  'nl\n/x.log',
]

/** A folder `root` full of traps, beside folders that hold the canary. The caller removes `base`. */
export function makeHostileFiles(): { readonly base: string; readonly root: string } {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'tailops-files-')))
  const root = join(base, 'root')
  for (const folder of ['root/sub/deep', 'rootfoo', 'outside/dir', 'root/.ssh', 'root/nl\n'])
    mkdirSync(join(base, folder), { recursive: true })
  for (const name of readable) writeFileSync(join(root, name), `begin of ${name}\nneedle in ${name}\nend\n`)
  for (const name of [
    'outside/secret.log',
    'outside/dir/plain.log',
    'rootfoo/plain.log',
    'root/tls.key',
    'root/.ssh/known',
    'root/.env.local',
    'root/ID_RSA',
  ])
    writeFileSync(join(base, name), `needle ${canary}\n`)
  symlinkSync(join(base, 'outside/secret.log'), join(root, 'out.log'))
  symlinkSync(join(base, 'outside/dir'), join(root, 'outdir'))
  symlinkSync('../outside', join(root, 'updir'))
  symlinkSync(join(base, 'outside/none'), join(root, 'dangling'))
  symlinkSync('tls.key', join(root, 'innocent.log'))
  symlinkSync('plain.log', join(root, 'alias.log'))
  symlinkSync('loop', join(root, 'loop'))
  symlinkSync('/proc/kcore', join(root, 'kcore'))
  symlinkSync('/dev/zero', join(root, 'zero'))
  symlinkSync(`${base}/root`, join(base, 'outside/back'))
  execFileSync('mkfifo', [join(root, 'fifo')])
  writeFileSync(join(root, 'huge'), 'first line\n'.repeat(1000))
  truncateSync(join(root, 'huge'), 10 * 1024 ** 3)
  writeFileSync(join(root, 'huge'), 'last line\n', { flag: 'a' })
  writeFileSync(join(root, 'binary'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2]))
  writeFileSync(join(root, 'long.log'), 'häßlich 🦊\n'.repeat(5000))
  return { base, root }
}
