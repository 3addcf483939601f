import { GatewayError } from './errors.ts'
import type { CommandRule, Target } from './target.ts'

/** A program and its arguments. */
export type Argv = readonly [string, ...string[]]

/**
 * Whether `constraints.commands` of a target lists a program with these arguments. A program that starts other programs, or edits
 * files at its arguments' wish, is never granted by a rule without `args`: such a rule would grant everything.
 * @throws GatewayError denied, with the line that would allow exactly this call
 */
export function requireListed(argv: Argv, target: Pick<Target, 'id' | 'constraints'>): void {
  const [program, ...args] = argv
  const rules = target.constraints.commands.filter((rule) => rule.program === program)
  if (rules.some((rule) => allows(rule, args))) return
  const why = rules.some((rule) => rule.args === undefined)
    ? `is listed without args, which grants nothing to a program that starts others`
    : `is not among the commands of ${target.id}${rules.length > 0 ? ' with these arguments' : ''}`
  throw new GatewayError('denied', `${shownArgument(program)} ${why}`, { hint: hintFor(argv, target) })
}

function allows({ program, args: patterns }: CommandRule, args: readonly string[]): boolean {
  if (patterns === undefined) return !startsOthers(program)
  return (
    patterns.length === args.length &&
    patterns.every((pattern, index) => new RegExp(`^(?:${pattern})$`).test(args[index] ?? ''))
  )
}

/** Shells, interpreters, wrappers and programs with a way to start or write what an argument says. */
const starters = new Set(
  `sh bash dash ash ksh mksh zsh fish csh tcsh rbash busybox toybox sash
  python perl ruby node nodejs deno bun php lua luajit tclsh wish expect awk gawk mawk nawk sed ed ex vi vim nvim view nano emacs pico less more man
  java jshell R Rscript gdb lldb guile osascript pwsh powershell
  env sudo doas su runuser pkexec run0 xargs parallel nohup nice ionice chrt taskset timeout time setsid setpriv stdbuf unbuffer chroot unshare
  nsenter prlimit capsh fakeroot watch strace ltrace script flock screen tmux entr logrotate run-parts start-stop-daemon ld.so ld-linux.so
  ssh scp sftp rsync sshpass mosh nc ncat netcat socat telnet curl wget ftp
  find fd tar cpio zip unzip make git dd tee cp mv install ln crontab at batch systemd-run machinectl systemd-nspawn
  docker podman nerdctl ctr crictl kubectl lxc lxc-attach incus pct qm virsh ip tcpdump mysql psql sqlite3 apt apt-get dpkg dnf yum rpm pip npm`
    .split(/\s+/)
    .filter((name) => name !== ''),
)

/** Judged by its last path segment, versions aside: `/usr/bin/python3.11` is a python. */
function startsOthers(program: string): boolean {
  const name = program.slice(program.lastIndexOf('/') + 1)
  return starters.has(name) || starters.has(name.replace(/[-.\d]+$/, ''))
}

/** The line of targets.yaml that would allow exactly this call. */
function hintFor([program, ...args]: Argv, { id }: Pick<Target, 'id'>): string {
  if (!/^(\/\S*\/)?[\w.+][\w.+-]*$/.test(program)) return 'name a program by its bare name or its absolute path'
  const rule = `{ program: ${yamlWord(program)}, args: [${args.map((arg) => JSON.stringify(exactly(arg))).join(', ')}] }`
  if (rule.length > 1500)
    return `the operator can list ${program} with a pattern for each argument in commands of ${id}`
  const instead = startsOthers(program) ? `list the program that ${program} would start instead, or ` : ''
  return `${instead}the operator can write under constraints of ${id} in targets.yaml: commands: [${rule}]`
}

/** Words that YAML reads as something else stay quoted. */
export const yamlWord = (text: string): string =>
  /^\/?[A-Za-z_][\w./+-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text)

/** A pattern that matches this argument only. */
const exactly = (arg: string): string => `^${arg.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replace(/\p{C}/gu, codeOf)}$`

const codeOf = (character: string): string =>
  [...Array(character.length).keys()]
    .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
    .join('')

/** An argument for the person who approves; nothing in it can hide or reorder what is shown. */
export const shownArgument = (arg: string): string =>
  /^[\w@%+=:,./-]+$/.test(arg) ? arg : JSON.stringify(arg).replace(/\p{C}/gu, codeOf)
