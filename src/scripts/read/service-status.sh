# One service, or all that run or failed. $1: unit name with its suffix, or nothing for all; $2: lines of journal.
section() { printf '\036%s\n' "$1"; }
limited() {
  if command -v timeout >/dev/null 2>&1; then timeout -s KILL 10 "$@"; else "$@"; fi
}
shown() {
  code=$?
  [ "$code" -eq 0 ] || section failed
  [ -z "$said" ] || printf '%s\n' "$said"
  [ "$code" -eq 0 ] || exit 0
}

of_systemd() {
  section systemd
  if [ -z "$unit" ]; then
    section units
    said=$(limited systemctl list-units --type=service --state=running,failed,activating,deactivating,reloading \
      --plain --no-legend --no-pager --full 2>&1)
    shown
    return
  fi
  section show
  said=$(limited systemctl show --no-pager -p Id,LoadState,LoadError,ActiveState,SubState,UnitFileState,Description \
    -p StateChangeTimestamp,MainPID,MemoryCurrent,NRestarts,Result,ExecMainCode,ExecMainStatus,NeedDaemonReload \
    -- "$unit" 2>&1)
  shown
  id=$(printf '%s\n' "$said" | sed -n 's/^Id=//p')
  section journal
  command -v journalctl >/dev/null || return
  limited journalctl --no-pager --quiet --no-hostname --utc -o short-iso -n "$lines" -u "${id:-$unit}" 2>/dev/null
  code=$?
  section journal_end
  echo "$code"
}

of_openrc() {
  section openrc
  if [ -z "$unit" ]; then
    section services
    said=$(limited rc-status --nocolor --servicelist 2>&1)
    shown
    return
  fi
  name=${unit%.service}
  section name
  echo "$name"
  rc-service --exists "$name" >/dev/null 2>&1 || return
  section status
  limited rc-service --nocolor "$name" status 2>&1
  section runlevels
  rc-update --nocolor show 2>/dev/null
  section describe
  limited rc-service --nocolor "$name" describe 2>&1
  section started
  stat -c %Y "/run/openrc/started/$name" 2>/dev/null
  section pid
  pid=$(cat "/run/openrc/options/$name/child_pid" 2>/dev/null)
  if [ -z "$pid" ]; then
    file=$(sed -n 's/^pidfile=//p' "/run/openrc/daemons/$name"/* 2>/dev/null | head -n 1)
    [ -n "$file" ] || file=$(cat "/run/openrc/options/$name/pidfile" 2>/dev/null)
    [ -f "$file" ] && read -r pid <"$file"
  fi
  case $pid in '' | *[!0-9]*) return ;; esac
  echo "$pid"
  section memory
  grep '^VmRSS:' "/proc/$pid/status" 2>/dev/null
}

export LC_ALL=C TZ=UTC PATH="$PATH:/usr/sbin:/sbin"
unit=$1 lines=$2
if [ -d /run/systemd/system ]; then of_systemd
elif [ -d /run/openrc ] && command -v rc-service >/dev/null; then of_openrc
else
  section none
  cat /proc/1/comm 2>/dev/null
fi
exit 0
