# Opens TCP connections to one address, all at once, sends nothing and closes them. $1: address, $2: seconds for each, then
# ports. Prints for each port: port, open or failed, microseconds or -, and what the program said.
section() { printf '\036%s\n' "$1"; }
# The clock in microseconds: of GNU and most BusyBox date, else of /proc/uptime, in steps of 10 ms.
now() {
  stamp=$(date +%s%N)
  case $stamp in
    *[!0-9]* | '') awk '{ printf "%d0000\n", $1 * 100 }' /proc/uptime ;;
    ???????????????????) echo "${stamp%???}" ;;
    *) awk '{ printf "%d0000\n", $1 * 100 }' /proc/uptime ;;
  esac
}
by_bash() {
  # shellcheck disable=SC2016 # expanded by bash
  said=$(timeout "$seconds" bash -c '
    from=${EPOCHREALTIME/./}
    if { :; } 3<>"/dev/tcp/$1/$2"; then echo "open $((${EPOCHREALTIME/./} - from))"; else echo "failed $((${EPOCHREALTIME/./} - from))"; fi
  ' bash "$address" "$1" 2>&1 </dev/null) || said='failed - timed out'
  printf '%s %s %s\n' "$1" "$(printf '%s\n' "$said" | tail -n 1)" "$(printf '%s\n' "$said" | sed -n '1s/.*: //p' | cut -c 1-80)"
}
by_nc() {
  port=$1
  shift
  from=$(now)
  if said=$("$@" "$address" "$port" 2>&1 </dev/null); then state=open; else state=failed; fi
  to=$(now)
  printf '%s %s %s %s\n' "$port" "$state" $((to - from)) "$(printf '%s\n' "$said" | sed -n '$s/.*: //p' | cut -c 1-80)"
}
by_busybox() {
  # Runs `true` on the connection, so that nothing is waited for.
  port=$1
  from=$(now)
  if said=$(nc -w "$seconds" "$address" "$port" -e true 2>&1 </dev/null); then state=open; else state=failed; fi
  to=$(now)
  printf '%s %s %s %s\n' "$port" "$state" $((to - from)) "$(printf '%s\n' "$said" | sed -n '$s/.*: //p' | cut -c 1-80)"
}

export LC_ALL=C
address=$1 seconds=$2
shift 2
usage=$(nc -h 2>&1 </dev/null)
program=''
# bash takes the time in its own process, so it is asked first; its EPOCHREALTIME is of version 5.
# shellcheck disable=SC2016
if timeout 1 bash -c '[ -n "$EPOCHREALTIME" ]' 2>/dev/null; then
  program=bash
elif command -v nc >/dev/null; then
  case $usage in
    *BusyBox*-e*) program='busybox nc' ;;
    *-*z*) program=nc ;;
  esac
fi
section program
echo "$program"
section clock
case $program-$(date +%s%N) in bash-* | *-???????????????????) echo fine ;; *) echo coarse ;; esac
[ -n "$program" ] || exit 0
section ports
for port in "$@"; do
  case $program in
    bash) by_bash "$port" & ;;
    nc) by_nc "$port" nc -z -v -n -w "$seconds" & ;;
    *) by_busybox "$port" & ;;
  esac
done
wait
exit 0
