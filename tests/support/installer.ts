import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { headersOf, rpc } from '../security/requests.ts'
import { binary } from './installed.ts'
import { type Machine, startMachine } from './machine.ts'

const root = join(import.meta.dirname, '../..')

/** A machine on which install.sh is run, with versions of tailops to install in /opt/t. */
export interface InstallMachine extends Machine {
  /** Runs install.sh there. */
  install(...args: readonly string[]): Ended
  /** Runs install.sh there with a shell's text around it: `$INSTALL` stands for it. */
  around(text: string): Ended
  /** Everything of it that an installation touches: files, users and units. */
  listing(): string
  isReady(): boolean
  mainPid(): string
  version(): string
  /** Calls a tool of the running service, as a client on the machine. */
  call(token: string, tool: string, args?: object): { readonly status: number; readonly text: string }
}

export interface Ended {
  readonly code: number | null
  /** What it wrote to stdout and stderr. */
  readonly text: string
  /** The token that it showed. */
  readonly token: string | undefined
}

/** This build under another version's name, or with a fault: a script in its place. */
const versions = {
  old: '[ "$1" = version ] && { echo "tailops 0.0.9"; exit; }',
  crashing:
    '[ "$1" = version ] && { echo "tailops 9.9.9"; exit; }\n[ "$1" = serve ] && { echo "I crash" >&2; exit 3; }',
} as const

export async function startInstallMachine(): Promise<InstallMachine> {
  const machine = await startMachine()
  const files = join(machine.root, 'opt/t')
  mkdirSync(files, { mode: 0o755 })
  copyFileSync(join(root, 'install.sh'), join(files, 'install.sh'))
  cpSync(binary, join(files, 'tailops'))
  writeFileSync(join(files, 'tailops.sha256'), `${sha256(readFileSync(binary))}  tailops\n`)
  for (const [name, fault] of Object.entries(versions)) {
    const text = `#!/bin/sh\n${fault}\nexec /opt/t/tailops "$@"\n`
    writeFileSync(join(files, name), text, { mode: 0o755 })
    writeFileSync(join(files, `${name}.sha256`), `${sha256(text)}  ${name}\n`)
  }
  const enter = ['-t', machine.init, '-a', '--'] as const
  const sh = (text: string): Ended => {
    const { status, stdout, stderr } = spawnSync('nsenter', [...enter, 'sh', '-c', text], { encoding: 'utf8' })
    const output = stdout + stderr
    return { code: status, text: output, token: /^ {2}(tops_\w+)$/m.exec(output)?.[1] }
  }
  const said = (text: string): string => sh(text).text.trim()
  return {
    ...machine,
    install: (...args) => sh(`sh /opt/t/install.sh ${args.join(' ')}`),
    around: (text) => sh(`INSTALL='sh /opt/t/install.sh'\n${text}`),
    listing: () => said(listingText),
    isReady: () => sh('/opt/t/tailops health').code === 0,
    mainPid: () => said('systemctl show -p MainPID --value tailops'),
    version: () => said('/usr/local/bin/tailops version'),
    call: (token, tool, args = {}) =>
      post(machine, headersOf(token), rpc('tools/call', { name: tool, arguments: args })),
  }
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')

// The copies that useradd keeps (passwd-) and its locks are no part of what an installation makes.
const listingText = `
find /etc /usr/local /root /home /var/lib /run/systemd/system /opt -xdev -printf '%p %M %u %g %l\\n' |
  grep -vE '^(/etc/[a-z]+-|/etc/[.]pwd[.]lock|/var/lib/systemd/) ?' | sort
cat /etc/passwd /etc/group
systemctl list-unit-files --no-legend`

function post({ init }: Machine, headers: Record<string, string>, body: string) {
  const options = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const text = execFileSync(
    'nsenter',
    [
      '-t',
      init,
      '-n',
      '--',
      'curl',
      '-sS',
      '-w',
      '\n%{http_code}',
      ...options,
      '-d',
      body,
      'http://127.0.0.1:8080/mcp',
    ],
    { encoding: 'utf8' },
  )
  const end = text.lastIndexOf('\n')
  return { status: Number(text.slice(end + 1)), text: answerOf(text.slice(0, end)) }
}

/** What a model would read. */
function answerOf(body: string): string {
  const { result } = JSON.parse(body)
  return result === undefined ? body : result.content.map(({ text }: { text: string }) => text).join('\n')
}
