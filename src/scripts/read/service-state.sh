# What a change of a service relies on, and which units would go down with it. $1: unit name with its suffix.
section() { printf '\036%s\n' "$1"; }
limited() {
  if command -v timeout >/dev/null 2>&1; then timeout -s KILL 10 "$@"; else "$@"; fi
}

# Units that systemd stops or restarts together with these.
along() {
  seen=" $* " wave=$* depth=0
  while [ -n "$wave" ] && [ "$depth" -lt 10 ]; do
    # shellcheck disable=SC2086 # names of units have no blanks, and globbing is off
    next=$(limited systemctl show --no-pager -p RequiredBy,BoundBy,ConsistsOf,PropagatesStopTo -- $wave 2>/dev/null |
      sed 's/^[A-Za-z]*=//')
    wave=''
    for name in $next; do
      case $seen in *" $name "*) continue ;; esac
      seen="$seen$name " wave="$wave $name"
      printf '%s\n' "$name"
    done
    depth=$((depth + 1))
  done
}
# Those of these units that are up.
running() {
  [ $# -gt 0 ] || return
  limited systemctl show --no-pager -p Id,ActiveState -- "$@" 2>/dev/null | awk '
    function told() { if (state != "" && state != "inactive" && state != "failed") print id; id = state = "" }
    sub(/^Id=/, "") { id = $0 }
    sub(/^ActiveState=/, "") { state = $0 }
    /^$/ { told() }
    END { told() }'
}

# shellcheck disable=SC2046 # as above
of_systemd() {
  section systemd
  part=show
  said=$(limited systemctl show --no-pager -p Id,Names,LoadState,LoadError,ActiveState,UnitFileState,FragmentPath \
    -p CanReload,Type,RemainAfterExit,TriggeredBy,Conflicts,ConflictedBy -- "$unit" 2>&1) || part=failed
  section "$part"
  printf '%s\n' "$said"
  section along
  id=$(printf '%s\n' "$said" | sed -n 's/^Id=//p')
  running $(along "${id:-$unit}")
  section conflicts
  others=$(running $(printf '%s\n' "$said" | sed -n 's/^Conflict[a-zB]*=//p'))
  [ -z "$others" ] || running $(printf '%s\n' "$others" && along $(printf '%s\n' "$others"))
}

of_openrc() {
  section openrc
  name=${unit%.service}
  section name
  echo "$name"
  rc-service --exists "$name" >/dev/null 2>&1 || return
  section status
  limited rc-service --nocolor "$name" status 2>&1
  section runlevels
  rc-update --nocolor show 2>/dev/null
  section script
  rc-service --resolve "$name" 2>/dev/null
  section along
  limited rc-service --nocolor "$name" needsme 2>/dev/null | tr ' ' '\n'
}

set -f
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
unit=$1
if [ -d /run/systemd/system ]; then of_systemd
elif [ -d /run/openrc ] && command -v rc-service >/dev/null; then of_openrc
else
  section none
  cat /proc/1/comm 2>/dev/null
fi
# The unit that we ourselves run in.
section self
cat /proc/self/cgroup 2>/dev/null
exit 0
