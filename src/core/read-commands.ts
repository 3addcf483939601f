/**
 * Commands that only read: programs by their bare name (found on the target's PATH) and the closed grammar of their
 * arguments. Whatever is not in it makes the command a write. Left out on purpose: what never ends, what reads elsewhere
 * (other roots, machines, files), and abbreviated long options, which may stand for more in another version. Sources: the man pages of GNU
 * coreutils 9, procps 4, util-linux 2.41, Debian's hostname 3.23, iproute2 6, systemd 257, and BusyBox 1.36, where a letter must not mean
 * more than it does there.
 */
const grammars: Readonly<Record<string, Grammar>> = {
  // A path is opened to look at its file system: a device may act on that (watchdog, tape), so only / is taken.
  df: {
    alone: /^(-[ahHiklPT]+|--(all|human-readable|si|inodes|local|portability|print-type|total))$/,
    operand: /^\/$/,
  },
  free: { alone: /^(-[bkmghwlt]+|--(bytes|kibi|mebi|gibi|human|wide|total|lohi|si))$/ },
  uptime: { alone: /^(-[ps]|--(pretty|since))$/ },
  uname: { alone: /^(-[asnrvmpio]+|--(all|kernel-name|nodename|kernel-release|kernel-version|machine))$/ },
  hostname: { alone: /^(-[fsdiI]|--(fqdn|long|short|domain|ip-address|all-ip-addresses))$/ },
  id: { alone: /^(-[ugGnrz]+|--(user|group|groups|name|real|zero))$/, operand: /^[A-Za-z_0-9][\w.-]{0,31}$/, most: 1 },
  // Any operand but a format sets the clock.
  date: { alone: /^(-u|-R|-uR|-I(date|hours|minutes|seconds|ns)?|--utc)$/, operand: /^\+[^\0]*$/, most: 1 },
  lsblk: {
    alone: /^(-[abdfilmnprstJOPST]+|--(all|bytes|nodeps|fs|json|list|noheadings|output-all|pairs|paths|raw|topology))$/,
    valued: [{ letter: 'o', long: 'output', value: /^\+?[A-Za-z][\w%:-]*(,[A-Za-z][\w%:-]*)*$/ }],
  },
  nproc: { alone: /^--(all|ignore=\d{1,4})$/ },
  who: { alone: /^(-[abdHlmpqrstTuw]+|--(all|boot|heading|count|users))$/ },
  // Not -K (closes sockets), -D (writes a file), -F (reads one), -N (another network), -E (never ends), -r (asks DNS).
  ss: {
    alone:
      /^(-[tuxwlnapeimsoHO46]+|--(tcp|udp|unix|raw|listening|numeric|all|processes|extended|info|memory|summary|options|no-header|oneline|ipv4|ipv6))$/,
    operand:
      /^(state|exclude|connected|synchronized|bucket|big|listening|established|(syn-sent|syn-recv|fin-wait-[12]|time-wait|close-wait|last-ack|closing|closed)|[sd]port|=|and|or|:\d{1,5})$/,
    most: 16,
  },
  journalctl: {
    alone:
      /^(-[kraqxleb]+|--(no-pager|dmesg|reverse|all|quiet|catalog|full|pager-end|boot|utc|no-hostname|list-boots|disk-usage|fields)|-\d{1,3})$/,
    flags: /^[kraqxle]*$/,
    valued: [
      { letter: 'u', long: 'unit', value: /^[A-Za-z0-9][\w@.:\\*?-]*$/ },
      { letter: 't', long: 'identifier', value: /^[A-Za-z0-9(][\w@.:/()-]*$/ },
      { letter: 'p', long: 'priority', value: /^([0-7]|[a-z]{3,7})(\.\.([0-7]|[a-z]{3,7}))?$/ },
      { letter: 'n', long: 'lines', value: /^(\+?\d{1,9}|all)$/ },
      { letter: 'S', long: 'since', value: /^([@+-]?\d|[A-Za-z])[\w:., +-]*$/ },
      { letter: 'U', long: 'until', value: /^([@+-]?\d|[A-Za-z])[\w:., +-]*$/ },
      { letter: 'g', long: 'grep', value: /^[^\0-][^\0]*$/ },
      { letter: 'F', long: 'field', value: /^[A-Z_0-9]+$/ },
      { long: 'output-fields', value: /^[A-Z_0-9]+(,[A-Z_0-9]+)*$/ },
      { letter: 'b', optional: true, long: 'boot', value: /^(-?\d{1,4}|[0-9a-f]{32}([+-]\d{1,4})?)$/ },
      {
        letter: 'o',
        long: 'output',
        value:
          /^(short(-(full|iso|iso-precise|precise|monotonic|delta|unix))?|verbose|export|json(-(pretty|sse|seq))?|cat|with-unit)$/,
      },
    ],
    // Matches of fields; a path would be looked up. `-1` above is the boot of `-b -1`, and an error without it.
    operand: /^([A-Z_][A-Z_0-9]*=[^\0]*|\+)$/,
  },
  systemctl: {
    alone: /^(-[laq]+|--(no-pager|plain|all|failed|full|value|no-legend|quiet|recursive|reverse))$/,
    flags: /^[laq]*$/,
    valued: [
      { letter: 'p', long: 'property', value: /^[A-Za-z]\w*(,[A-Za-z]\w*)*$/ },
      { letter: 't', long: 'type', value: /^[a-z]+(,[a-z]+)*$/ },
      { letter: 'n', long: 'lines', value: /^\d{1,6}$/ },
      { long: 'state', value: /^[a-z-]+(,[a-z-]+)*$/ },
    ],
    verb: /^(status|show|cat|is-active|is-enabled|is-failed|list-units|list-unit-files|list-timers|list-sockets|list-jobs|list-dependencies|get-default|is-system-running)$/,
    operand: /^[A-Za-z0-9][\w@.:\\*?-]*$/,
  },
}

/** The arguments a program may have. */
interface Grammar {
  /** Options without a value, short ones also joined. */
  readonly alone: RegExp
  readonly valued?: readonly Valued[]
  /** Letters that may stand before the one that takes the value: `-xeu nginx`. */
  readonly flags?: RegExp
  /** What the first operand must be, where there is one. */
  readonly verb?: RegExp
  readonly operand?: RegExp
  /** Operands at most. */
  readonly most?: number
}

/** An option with a value: `-u nginx`, `-unginx`, `--unit nginx`, `--unit=nginx`. */
interface Valued {
  readonly letter?: string
  readonly long: string
  readonly value: RegExp
  /** Its value can only be attached for sure; after a blank it may be read as an operand. */
  readonly optional?: boolean
}

/** Whether a command certainly changes nothing. */
export function isReadCommand([program, ...args]: readonly [string, ...string[]]): boolean {
  const grammar = Object.hasOwn(grammars, program) ? grammars[program] : undefined
  const operands = grammar && operandsOf(grammar, args)
  if (grammar === undefined || operands === undefined) return false
  const rest = grammar.verb === undefined ? operands : operands.slice(1)
  const [verb] = operands
  if (grammar.verb !== undefined && verb !== undefined && !grammar.verb.test(verb)) return false
  return rest.length <= (grammar.most ?? 64) && rest.every((operand) => grammar.operand?.test(operand) === true)
}

/** What is left when each option is taken with its value, in order as the program takes them; undefined at the first unknown one. */
function operandsOf(grammar: Grammar, args: readonly string[]): readonly string[] | undefined {
  const operands: string[] = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? ''
    if (!arg.startsWith('-') || arg === '-') operands.push(arg)
    else if (arg === '--') return [...operands, ...args.slice(index + 1)]
    else if (grammar.alone.test(arg)) continue
    else {
      const option = valuedIn(grammar, arg)
      if (option === undefined) return undefined
      const value = option.attached ?? args[++index]
      if (value === undefined || !option.value.test(value)) return undefined
    }
  }
  return operands
}

/** The option an argument names, with the value that is attached to it. */
function valuedIn({ valued = [], flags }: Grammar, arg: string): { value: RegExp; attached?: string } | undefined {
  const [, name = '', , given] = /^--([a-z-]+)(=([^\0]*))?$/.exec(arg) ?? []
  for (const { letter, long, value, optional = false } of valued) {
    const attached = name === '' ? afterLetter(arg, letter, flags) : given
    if (name === '' ? attached === undefined : name !== long) continue
    if (attached !== undefined && (attached !== '' || name !== '')) return { value, attached }
    if (!optional) return { value }
  }
  return undefined
}

/** What follows a short option in its argument, after harmless letters: `nginx` of `-xeunginx`, empty of `-xeu`. */
function afterLetter(arg: string, letter = '', flags = /^$/): string | undefined {
  const at = letter === '' || arg.startsWith('--') ? -1 : arg.indexOf(letter, 1)
  return at > 0 && flags.test(arg.slice(1, at)) ? arg.slice(at + 1) : undefined
}
