import { describe, expect, test } from 'bun:test'
import { parseUpdates, type Updates } from '../../src/formats/updates.ts'

/** The sections of read/updates in their order. */
const printed = (sections: Readonly<Record<string, string>>) =>
  Object.entries({ now: '1795252000', index: '1795244800', ...sections })
    .map(([name, text]) => `\x1e${name}\n${text}\n`)
    .join('')

function updates(sections: Readonly<Record<string, string>>): Updates {
  const found = parseUpdates(printed(sections))
  if (found === undefined || 'failed' in found) throw new TypeError(`not understood: ${JSON.stringify(found)}`)
  return found
}

describe('apt', () => {
  // Recorded on Debian 12, apt 2.6.1; the new package and the Ubuntu line as apt 2.8 of Ubuntu 24.04 prints them.
  const list = `Reading package lists...
Calculating upgrade...
The following packages will be upgraded:
  base-files libgcrypt20-dev
3 upgraded, 1 newly installed, 0 to remove and 2 not upgraded.
Inst base-files [12.4+deb12u11] (12.4+deb12u15 Debian:12.15/oldstable [amd64])
Conf base-files (12.4+deb12u15 Debian:12.15/oldstable [amd64])
Inst libgcrypt20-dev [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []
Inst linux-image-6.1.0-41-amd64 (6.1.158-1 Debian-Security:12/oldstable-security [amd64])
Inst libssl3t64:i386 [3.0.13-0ubuntu3.4] (3.0.13-0ubuntu3.6 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [i386])
Inst odd [1] (2 Vendor:1/security-tools [all])
`
  const found = updates({ manager: 'apt-get', list, list_end: '0 ', reboot: 'no' })

  test('gives each package once, security first', () => {
    expect(found.rows).toEqual([
      { package: 'libgcrypt20-dev', installed: '1.10.1-3', new: '1.10.1-3+deb12u1', security: true },
      { package: 'libssl3t64:i386', installed: '3.0.13-0ubuntu3.4', new: '3.0.13-0ubuntu3.6', security: true },
      { package: 'linux-image-6.1.0-41-amd64', installed: '', new: '6.1.158-1', security: true },
      { package: 'base-files', installed: '12.4+deb12u11', new: '12.4+deb12u15', security: false },
      { package: 'odd', installed: '1', new: '2', security: false },
    ])
    expect(found.securityCount).toBe(3)
  })

  test('tells what is kept back, the age of the index and of no reboot', () => {
    expect(found).toMatchObject({
      manager: 'apt',
      keptBack: 2,
      indexAge: '2h 0m',
      rebootRequired: false,
      notMeasured: [],
    })
  })

  test('that fails is a failure with its own words', () => {
    const said = 'E: The package lists or status file could not be parsed or opened.'
    expect(parseUpdates(printed({ manager: 'apt-get', list: '', list_end: `100 ${said}` }))).toEqual({
      failed: 'manager',
      said: `apt ended with 100: ${said}`,
    })
  })
})

describe('dnf', () => {
  const installed = `bash.x86_64 5.2.21-2.fc40
kernel-core.x86_64 6.8.5-301.fc40
kernel-core.x86_64 6.8.9-300.fc40
vim-minimal.x86_64 2:9.1.181-1.fc40
python3-a-very-long-name-that-does-not-fit-into-its-column.noarch 1.0-1.fc40`

  // dnf 4.19 of Fedora 40: exit 100, an empty line first, long names wrapped, obsoletes below a headline.
  test('4 gives three words a package, wrapped or not, with what is installed', () => {
    const found = updates({
      manager: 'dnf',
      list: `
bash.x86_64                              5.2.26-3.fc40                   updates
kernel-core.x86_64                       6.9.4-200.fc40                  updates
python3-a-very-long-name-that-does-not-fit-into-its-column.noarch
                                         1.1-1.fc40                      updates
vim-minimal.x86_64                       2:9.1.452-1.fc40                updates
Security: kernel-core-6.8.9-300.fc40.x86_64 is an installed security update
Obsoleting Packages
new-thing.noarch                         2.0-1.fc40                      updates
    bash.x86_64                          5.2.21-2.fc40                   @anaconda
`,
      list_end: '100 ',
      security: `FEDORA-2024-1a2b3c4d5e Important/Sec. kernel-core-6.9.4-200.fc40.x86_64
FEDORA-2024-6f7a8b9c0d Moderate/Sec.  vim-minimal-2:9.1.452-1.fc40.x86_64`,
      security_end: '0 ',
      installed,
      needs:
        'Core libraries or services have been updated since boot-up:\n  * kernel\n\nReboot is required to fully utilize these updates.',
      needs_end: '1 ',
    })
    expect(found.rows).toEqual([
      { package: 'kernel-core.x86_64', installed: '6.8.9-300.fc40', new: '6.9.4-200.fc40', security: true },
      { package: 'vim-minimal.x86_64', installed: '2:9.1.181-1.fc40', new: '2:9.1.452-1.fc40', security: true },
      { package: 'bash.x86_64', installed: '5.2.21-2.fc40', new: '5.2.26-3.fc40', security: false },
      {
        package: 'python3-a-very-long-name-that-does-not-fit-into-its-column.noarch',
        installed: '1.0-1.fc40',
        new: '1.1-1.fc40',
        security: false,
      },
    ])
    expect(found).toMatchObject({ securityCount: 2, rebootRequired: true, notMeasured: [] })
  })

  // dnf5 5.2 of Fedora 41: a table of advisories with headings and the date last.
  test('5 names its advisories in a table', () => {
    const found = updates({
      manager: 'dnf',
      list: 'bash.x86_64 5.2.32-1.fc41 updates\nvim-minimal.x86_64 2:9.1.825-1.fc41 updates\n',
      list_end: '100 ',
      security: `Name                   Type     Severity                             Package              Issued
FEDORA-2024-26a9ed5bb1 security Moderate vim-minimal-2:9.1.825-1.fc41.x86_64 2024-11-05 02:16:16`,
      security_end: '0 ',
      installed,
      needs: 'No core libraries or services have been updated since boot-up.',
      needs_end: '0 ',
    })
    expect(found.rows.map(({ package: name, security }) => [name, security])).toEqual([
      ['vim-minimal.x86_64', true],
      ['bash.x86_64', false],
    ])
    expect(found.rebootRequired).toBe(false)
  })

  test('without advisories or the reboot plugin says that it does not know', () => {
    const found = updates({
      manager: 'dnf',
      list: 'bash.x86_64 5.2.32-1.fc41 updates',
      list_end: '100 ',
      security: '',
      security_end: '1 Error',
      installed: '',
      needs: '',
      needs_end: '1 No such command: needs-restarting.',
    })
    expect(found.rows).toEqual([{ package: 'bash.x86_64', installed: '', new: '5.2.32-1.fc41' }])
    expect(found).toMatchObject({ securityCount: undefined, rebootRequired: undefined })
    expect(found.notMeasured).toEqual(['which updates are for security', 'whether a reboot is due'])
  })
})

// apk-tools 2.14 of Alpine 3.19 and 3.0 of 3.23: a line of headings, then name-version < version.
test('apk gives the name before its version, whatever dashes are in it', () => {
  const found = updates({
    manager: 'apk',
    list: `Installed:                                Available:
busybox-1.36.1-r15                      < 1.36.1-r19
ca-certificates-bundle-20240226-r0      < 20240705-r0
py3-x-2-1.0_rc1-r0                      < 1.0-r0
`,
    list_end: '0 ',
    reboot: 'yes',
  })
  expect(found.rows).toEqual([
    { package: 'busybox', installed: '1.36.1-r15', new: '1.36.1-r19' },
    { package: 'ca-certificates-bundle', installed: '20240226-r0', new: '20240705-r0' },
    { package: 'py3-x-2', installed: '1.0_rc1-r0', new: '1.0-r0' },
  ])
  expect(found).toMatchObject({ securityCount: undefined, rebootRequired: true })
  expect(found.notMeasured).toEqual(['which updates are for security (apk does not tell)'])
})

describe('pacman', () => {
  // pacman 6.1, `-Qu`
  test('gives what an upgrade would take and counts what it ignores', () => {
    const found = updates({
      manager: 'pacman',
      list: 'linux 6.9.3.arch1-1 -> 6.9.4.arch1-1\nopenssl 1:3.3.0-1 -> 1:3.3.1-1\nzfs-dkms 2.2.3-1 -> 2.2.4-1 [ignored]\n',
      list_end: '0 ',
      reboot: 'no',
    })
    expect(found.rows.map(({ package: name, new: version }) => `${name} ${version}`)).toEqual([
      'linux 6.9.4.arch1-1',
      'openssl 1:3.3.1-1',
    ])
    expect(found.keptBack).toBe(1)
  })

  test('that lists nothing ends with 1, which is no failure', () => {
    expect(updates({ manager: 'pacman', list: '', list_end: '1 ', reboot: 'no' }).rows).toEqual([])
    const broken = printed({ manager: 'pacman', list: '', list_end: '1 error: failed to initialize alpm library' })
    expect(parseUpdates(broken)).toMatchObject({ failed: 'manager' })
  })
})

// zypper 1.14 of openSUSE Leap 15.6
test('zypper gives packages by the columns of its table, and security as patches', () => {
  const found = updates({
    manager: 'zypper',
    list: `S | Repository                                  | Name    | Current Version   | Available Version  | Arch
--+---------------------------------------------+---------+-------------------+--------------------+-------
v | Update repository with updates from SUSE    | openssl | 3.1.4-150600.2.1  | 3.1.4-150600.2.4   | noarch
v | Update repository with updates from SUSE    | vim     | 9.1.0330-150500.1 | 9.1.0836-150500.20 | x86_64
`,
    list_end: '0 ',
    security: `Repository | Name                        | Category | Severity  | Interactive | Status | Since | Summary
-----------+-----------------------------+----------+-----------+-------------+--------+-------+------------------------
repo-sle   | openSUSE-SLE-15.6-2024-4078 | security | important | ---         | needed | -     | Security update for vim
`,
    security_end: '0 ',
    needs: '',
    needs_end: '102 ',
  })
  expect(found.rows).toEqual([
    { package: 'openssl', installed: '3.1.4-150600.2.1', new: '3.1.4-150600.2.4' },
    { package: 'vim', installed: '9.1.0330-150500.1', new: '9.1.0836-150500.20' },
  ])
  expect(found).toMatchObject({ securityCount: 1, rebootRequired: true })
  expect(found.notMeasured).toEqual(['which packages the security patches touch (security_count counts patches)'])
})

test('a machine without a known manager, and text of something else', () => {
  expect(parseUpdates(printed({ manager: 'none' }))).toEqual({ failed: 'no_manager' })
  expect(parseUpdates('motd\n')).toBeUndefined()
  expect(parseUpdates(printed({ manager: 'apt-get' }))).toBeUndefined()
})

test('control characters of a package name or version never reach the answer', () => {
  const list = 'Inst a\x1b[31mb [1\x07] (2\x1b x [all])\n'
  const { rows } = updates({ manager: 'apt-get', list, list_end: '0 ' })
  expect(JSON.stringify(rows)).not.toMatch(/\\u00/)
})
