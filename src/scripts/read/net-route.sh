# The way of packets to an address. $1: address, $2: hops at most, $3: 4 or 6, $4: seconds at most, where `timeout` is there.
section() { printf '\036%s\n' "$1"; }
bounded() {
  # Old BusyBox wants `timeout -t SECS`: there the limit of the whole read must do.
  if timeout 1 true 2>/dev/null; then timeout "$seconds" "$@"; else "$@"; fi
}
trace() {
  section program
  echo "$1"
  section route
  shift
  bounded "$@" 2>&1 </dev/null | head -c 16384
}

export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
address=$1 most=$2 family=$3 seconds=$4
program=traceroute
if ! command -v traceroute >/dev/null; then
  program=''
  [ "$family" = 6 ] && command -v traceroute6 >/dev/null && program=traceroute6
fi
if [ -n "$program" ]; then
  usage=$("$program" --help 2>&1 </dev/null)
  case $usage in
    # BusyBox asks one after the other, and needs root: tracepath goes first where both are.
    *BusyBox*)
      [ "$family" = 6 ] && command -v traceroute6 >/dev/null && program=traceroute6
      if [ "$(id -u)" -eq 0 ] || ! command -v tracepath >/dev/null; then
        trace 'busybox traceroute' "$program" -n -m "$most" -q 1 -w 1 "$address"
        exit 0
      fi
      ;;
    *)
      trace traceroute "$program" -n -m "$most" -q 3 -w 1 "$address"
      exit 0
      ;;
  esac
fi
if command -v tracepath >/dev/null; then
  trace tracepath tracepath -n -m "$most" "$address"
elif command -v tracepath6 >/dev/null && [ "$family" = 6 ]; then
  trace tracepath tracepath6 -n -m "$most" "$address"
else
  section program
fi
exit 0
