import type { Machine } from './machine.ts'

/** A package of a repository made for a test. */
export interface DebPackage {
  readonly name: string
  readonly version: string
  /** More lines of its control file: `Depends: other`. */
  readonly control?: readonly string[]
  /** Its configuration file, at /etc/NAME.conf. */
  readonly conffile?: string
  /** Maintainer scripts and debconf files by name: `postinst`, `config`, `templates`. */
  readonly scripts?: Readonly<Record<string, string>>
}

const folder = '/srv/repo'

/** Makes the packages in the machine with dpkg-deb, and apt there knows these alone, after `refresh`. */
export function publish(machine: Machine, packages: readonly DebPackage[]): void {
  machine.run('sh', '-c', `rm -rf ${folder} /srv/build && mkdir -p ${folder} && rm -rf /etc/apt/sources.list.d/*`)
  machine.writeFile('/etc/apt/sources.list', `deb [trusted=yes] file:${folder} ./\n`)
  for (const deb of packages) build(machine, deb)
  machine.run('sh', '-c', index)
}

/** apt reads its index again. */
export const refresh = (machine: Machine): string => machine.run('apt-get', '-q', 'update')

const index = `cd ${folder} && for deb in *.deb; do
  dpkg-deb -f "$deb"
  printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
done >Packages`

function build(machine: Machine, { name, version, control = [], conffile, scripts = {} }: DebPackage): void {
  const dir = `/srv/build/${name}_${version}`
  machine.run('mkdir', '-p', `${dir}/DEBIAN`, `${dir}/etc`, `${dir}/usr/share/${name}`)
  const fields = [`Package: ${name}`, `Version: ${version}`, 'Architecture: all', 'Maintainer: Test <test@example.com>']
  machine.writeFile(`${dir}/DEBIAN/control`, `${[...fields, ...control, 'Description: for a test'].join('\n')}\n`)
  machine.writeFile(`${dir}/usr/share/${name}/version`, version)
  if (conffile !== undefined) {
    machine.writeFile(`${dir}/etc/${name}.conf`, conffile)
    machine.writeFile(`${dir}/DEBIAN/conffiles`, `/etc/${name}.conf\n`)
  }
  for (const [file, text] of Object.entries(scripts)) {
    machine.writeFile(`${dir}/DEBIAN/${file}`, text)
    machine.run('chmod', file === 'templates' ? '644' : '755', `${dir}/DEBIAN/${file}`)
  }
  machine.run('dpkg-deb', '--root-owner-group', '--build', dir, folder)
}
