import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const root = join(import.meta.dirname, '../../..')
const gateway = `#!/bin/sh
case $1 in
  version) echo 'tailops 1.2.3' ;;
  health) [ ! -e /unhealthy ] ;;
esac
`

/** An install.sh for containers of the small template: what it does is what the script around it sees. */
const installer = `#!/bin/sh
set -eu
[ ! -e /refuses ] || { echo 'install.sh: this machine will not do' >&2; exit 3; }
mkdir -p /etc/tailops
[ -e /etc/tailops/targets.yaml ] || printf 'version: "1.0"\\n\\ntargets:\\n' >/etc/tailops/targets.yaml
gzip -dc "$2"/tailops-linux-x64.gz >/usr/local/bin/tailops
chmod 755 /usr/local/bin/tailops
if [ ! -e /www/readyz ]; then
  echo ready >/www/readyz
  httpd -p 8080 -h /www
  printf 'The first token, shown only now:\\n\\n  tops_%s\\n\\n' first
fi
`

/** Writes the files of a release: of this build with the real install.sh, or of stand-ins. */
export function writeFiles(folder: string, binary?: string): string {
  mkdirSync(folder, { recursive: true })
  const packed = gzipSync(binary === undefined ? gateway : readFileSync(binary), { level: 1 })
  const name = 'tailops-linux-x64.gz'
  writeFileSync(join(folder, name), packed)
  writeFileSync(join(folder, 'SHA256SUMS'), `${createHash('sha256').update(packed).digest('hex')}  ${name}\n`)
  writeFileSync(
    join(folder, 'install.sh'),
    binary === undefined ? installer : readFileSync(join(root, 'install.sh'), 'utf8'),
  )
  return folder
}
