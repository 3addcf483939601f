import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { headersOf, rpc } from '../security/requests.ts'
import { binary } from './installed.ts'
import { type Machine, type Ran, type Suite, startMachine } from './machine.ts'

const root = join(import.meta.dirname, '../..')

/** A machine on which install.sh is run, with versions of tailops to install in /opt/t. */
export interface InstallMachine extends Machine {
  /** What `listing` said before anything was installed. */
  readonly fresh: string
  /** Runs install.sh there. */
  install(...args: readonly string[]): Promise<Ended>
  /** Runs install.sh there with a shell's text around it: `$INSTALL` stands for it. */
  around(text: string): Promise<Ended>
  /** Everything of it that an installation touches: files, users and units. */
  listing(): Promise<string>
  isReady(): Promise<boolean>
  mainPid(): Promise<string>
  version(): Promise<string>
  /** Calls a tool of the running service, as a client on the machine. */
  call(token: string, tool: string, args?: object): Promise<{ readonly status: number; readonly text: string }>
}

export interface Ended extends Ran {
  /** The token that it showed. */
  readonly token: string | undefined
}

/** This build under another version's name, or with a fault: a script in its place. */
const versions = {
  old: '[ "$1" = version ] && { echo "tailops 0.0.9"; exit; }',
  crashing:
    '[ "$1" = version ] && { echo "tailops 9.9.9"; exit; }\n[ "$1" = serve ] && { echo "I crash" >&2; exit 3; }',
} as const

export async function startInstallMachine(suite?: Suite): Promise<InstallMachine> {
  const machine = await startMachine(suite)
  putVersions(join(machine.root, 'opt/t'))
  const sh = async (text: string): Promise<Ended> => {
    const ended = await machine.ran('sh', '-c', text)
    return { ...ended, token: /^ {2}(tops_\w+)$/m.exec(ended.text)?.[1] }
  }
  const said = async (text: string): Promise<string> => (await sh(text)).text.trim()
  const listing = () => said(listingText)
  return {
    ...machine,
    fresh: await listing(),
    install: (...args) => sh(`sh /opt/t/install.sh ${args.join(' ')}`),
    around: (text) => sh(`INSTALL='sh /opt/t/install.sh'\n${text}`),
    listing,
    isReady: async () => (await sh('/opt/t/tailops health')).code === 0,
    mainPid: () => said('systemctl show -p MainPID --value tailops'),
    version: () => said('/usr/local/bin/tailops version'),
    call: (token, tool, args = {}) =>
      post(machine, headersOf(token), rpc('tools/call', { name: tool, arguments: args })),
  }
}

/** Computed once: it takes a while. */
let binarySum: string | undefined

function putVersions(folder: string): void {
  mkdirSync(folder, { mode: 0o755 })
  copyFileSync(join(root, 'install.sh'), join(folder, 'install.sh'))
  cpSync(binary, join(folder, 'tailops'))
  binarySum ??= sha256(readFileSync(binary))
  writeFileSync(join(folder, 'tailops.sha256'), `${binarySum}  tailops\n`)
  for (const [name, fault] of Object.entries(versions)) {
    const text = `#!/bin/sh\n${fault}\nexec /opt/t/tailops "$@"\n`
    writeFileSync(join(folder, name), text, { mode: 0o755 })
    writeFileSync(join(folder, `${name}.sha256`), `${sha256(text)}  ${name}\n`)
  }
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')

// The copies that useradd keeps (passwd-) and its locks are no part of what an installation makes.
const listingText = `
find /etc /usr/local /root /home /var/lib /run/systemd/system /opt -xdev -printf '%p %M %u %g %l\\n' |
  grep -vE '^(/etc/[a-z]+-|/etc/[.]pwd[.]lock|/var/lib/systemd/) ?' | sort
cat /etc/passwd /etc/group
systemctl list-units --all --plain --no-legend 'tailops*'`

const execute = promisify(execFile)

async function post({ init }: Machine, headers: Record<string, string>, body: string) {
  const options = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const curl = ['curl', '-sS', '-w', '\n%{http_code}', ...options, '-d', body, 'http://127.0.0.1:8080/mcp']
  const { stdout: text } = await execute('nsenter', ['-t', init, '-n', '--', ...curl], { maxBuffer: 8 * 1024 * 1024 })
  const end = text.lastIndexOf('\n')
  return { status: Number(text.slice(end + 1)), text: answerOf(text.slice(0, end)) }
}

/** What a model would read. */
function answerOf(body: string): string {
  const { result } = JSON.parse(body)
  return result === undefined ? body : result.content.map(({ text }: { text: string }) => text).join('\n')
}
