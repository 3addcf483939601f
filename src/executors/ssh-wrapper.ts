import { shellLine } from './shell-quote.ts'

/** What is said before the program begins: where its own output starts, and who it is. It forks only for who may become root. */
const mark = `since() { read -r stat <"/proc/$$/stat" || return; set -f; set -- \${stat##*) }; set +f; seen="$3:\${20}"; }
seen= uid=-
since 2>/dev/null
[ "$root" = self ] || uid=$(id -u)
printf '\\036%s\\n' "$nonce" >&2
printf '\\036%s %s %s %s %s\\n' "$nonce" $$ "\${seen:-$$:0}" "$uid" "$state"
[ "$state" = ready ] || exit 1
if [ "$root" = root ] && [ "$uid" != 0 ]; then set -- sudo -n -- "$@"; fi
cd /
export LC_ALL=C LANG=C`

/** `sh NONCE ROOT PROGRAM ARGS…` */
const readWrapper = `nonce=$1 root=$2 state=ready; shift 2
${mark}
exec "$@"`

/**
 * Runs a write step so that it outlives the connection: its input is there whole before it begins, its output goes to files, and
 * the exit code is put beside them in one rename once it has ended. It is a program, never a builtin of sh. `sh NONCE ROOT NAME INPUT_BYTES MAX_BYTES PROGRAM ARGS…`
 */
const writeWrapper = `nonce=$1 root=$2 base=$HOME/.tailops/steps/$3 size=$4 max=$5 state=ready; shift 5
mask=$(umask)
umask 077
mkdir -p "$HOME/.tailops/steps" && rm -f "$base.code" && : >"$base.out" && : >"$base.err" || state=unwritable
[ "$state" != ready ] || cat >"$base.in" || state=unwritable
[ "$state" != ready ] || [ "$(wc -c <"$base.in")" -eq "$size" ] || state=cut
[ "$state" = ready ] || rm -f "$base.in"
${mark}
umask "$mask"
exec 3<"$base.in"; rm -f "$base.in"
(exec "$@") <&3 3<&- >"$base.out" 2>"$base.err"
code=$?
umask 077
printf '%s\\n' "$code" >"$base.new" && mv -f "$base.new" "$base.code"
head -c "$max" "$base.out"
head -c "$max" "$base.err" >&2
exit "$code"`

/** What a step left behind, and whether it still runs; to be run as a read with NAME PID START MAX_BYTES. */
export const tracesOf = `base=$HOME/.tailops/steps/$1 alive=gone
since() { read -r stat <"/proc/$1/stat" || return; set -f; set -- \${stat##*) }; echo "\${20}"; }
if [ -n "$2" ] && kill -0 "$2" && [ "$(since "$2" || echo "$3")" = "$3" ]; then alive=running; fi 2>/dev/null
if [ -f "$base.code" ]; then
  printf 'ended %s\\n' "$(cat "$base.code")"
  head -c "$4" "$base.out"
  head -c "$4" "$base.err" >&2
else
  echo "$alive"
fi`

/** Removes what a step left behind. */
export const forgetTraces = `base=$HOME/.tailops/steps/$1; rm -f "$base.code" "$base.out" "$base.err" "$base.in" "$base.new"`

/**
 * TERM for the whole process group, KILL a second later for who is still there. Where the server gives its sessions no group
 * of their own (Dropbear), for the program and all below it: others in that group are not ours to end. `sh GROUP PID`
 */
export const endGroup = `if [ "$1" = "$2" ]; then kill -TERM "-$1"; sleep 1; kill -0 "-$1" && kill -KILL "-$1"; exit 0; fi
all=" $2 " grown=yes
while [ -n "$grown" ]; do
  grown=
  for file in /proc/[0-9]*/stat; do
    read -r stat <"$file" || continue
    pid=\${stat%% *} rest=\${stat##*) }
    rest=\${rest#* }
    case $all in *" $pid "*) continue ;; *" \${rest%% *} "*) all="$all$pid " grown=yes ;; esac
  done
done 2>/dev/null
kill -TERM $all; sleep 1; kill -KILL $all
exit 0`

/** A program to run there. */
export interface Wrapped {
  /** Unguessable: tells the program's output from what the login shell says before. */
  readonly nonce: string
  readonly argv: readonly string[]
  /** Through sudo, unless the login user is root. */
  readonly mayBecomeRoot: boolean
  /** Of a write step. */
  readonly keep?: { readonly name: string; readonly inputBytes: number; readonly maxOutputBytes: number } | undefined
}

/** The line for the login shell, whatever shell that is. */
export function wrapped({ nonce, argv, mayBecomeRoot, keep }: Wrapped): string {
  const root = mayBecomeRoot ? 'root' : 'self'
  const words =
    keep === undefined
      ? [readWrapper, 'sh', nonce, root]
      : [writeWrapper, 'sh', nonce, root, keep.name, `${keep.inputBytes}`, `${keep.maxOutputBytes + 1}`]
  return `exec sh -c ${shellLine([...words, ...argv])}`
}

/** A step's name as a file name. */
export const fileNameOf = (step: string): string => step.replaceAll(/[^\w.-]/g, '_').slice(0, 180)
