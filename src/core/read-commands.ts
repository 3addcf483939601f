/**
 * Commands that only read: a program (bare name, found on the target's PATH) and the arguments it may have. A command
 * that matches none of these counts as a write. Arguments are matched one by one, so none can be smuggled in.
 */
const readCommands: Readonly<Record<string, readonly RegExp[]>> = {
  df: [/^-[PkTahi]+$/, /^\/[^\0]*$/],
  free: [/^-[bkmgwh]+$/],
  uptime: [/^-[ps]$/],
  uname: [/^-[asnrvmo]+$/],
  hostname: [/^-[fisI]$/],
  id: [/^-[ugnG]+$/],
  date: [/^-u$/, /^\+[^\0]*$/],
  lsblk: [/^-[abdfnlmprt]+$/],
  nproc: [/^--all$/],
  who: [/^-[abHq]$/],
  ss: [/^-[tulnapeimsoH46]+$/],
  journalctl: [
    /^--no-pager$/,
    /^--(unit|since|until|priority|lines|boot|output|grep)=[^\0]*$/,
    /^-[uSUpnbo]$/,
    /^-(k|r|x|q|n\d+)$/,
    /^[A-Za-z0-9@._:+ -]+$/,
  ],
}

/** `systemctl` reads by its verb; everything before and after the verb must be a known read-only argument. */
const systemctlVerbs =
  /^(status|show|cat|is-active|is-enabled|is-failed|list-units|list-unit-files|list-timers|is-system-running)$/
const systemctlArguments = [
  /^--(no-pager|plain|all|failed|full|value|no-legend|quiet)$/,
  /^--(property|type|state|lines)=[^\0]*$/,
  /^-[pnlaq]$/,
  /^--$/,
  /^[A-Za-z0-9][A-Za-z0-9@._:\\,=*-]*$/,
]

/** Whether a command certainly changes nothing. */
export function isReadCommand([program, ...args]: readonly [string, ...string[]]): boolean {
  if (program === 'systemctl') {
    const [verb] = args.filter((arg) => !arg.startsWith('-'))
    return (
      verb !== undefined &&
      systemctlVerbs.test(verb) &&
      args.every((arg) => systemctlArguments.some((allowed) => allowed.test(arg)))
    )
  }
  if (!Object.hasOwn(readCommands, program)) return false
  return args.every((arg) => readCommands[program]?.some((allowed) => allowed.test(arg)))
}
