# Every process twice, for CPU use between the samples. $1: seconds between them.
# grep -H puts the path before each line, so a process cannot name itself as another one.
section() { printf '\036%s\n' "$1"; }
sample() {
  section "uptime_$1"
  cat /proc/uptime
  section "stat_$1"
  # As far as field 24 of proc_pid_stat(5), resident pages.
  grep -H '' /proc/[0-9]*/stat | sed 's/^\(.*) [^ ]*\( [^ ]*\)\{21\}\) .*/\1/'
}

exec 2>/dev/null
export LC_ALL=C
section self
echo $$
section page_size
getconf PAGESIZE || echo 4096
section ticks
getconf CLK_TCK || echo 100
sample 1
sleep "$1" || sleep 1
sample 2
exit 0
