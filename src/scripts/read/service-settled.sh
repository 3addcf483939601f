# Whether a service has come to rest. $1: unit; $2: `active`: it must be the same run for a second; `inactive`: failed counts.
of_systemd() {
  systemctl show --no-pager -p ActiveState,InvocationID,MainPID -- "$1" 2>/dev/null
}
of_openrc() {
  case $(rc-service --nocolor "${1%.service}" status 2>&1) in
    *'status: started'*) echo ActiveState=active ;;
    *'status: crashed'* | *'status: unsupervised'*) echo ActiveState=failed ;;
    *'status: stopped'*) echo ActiveState=inactive ;;
    *) echo ActiveState=other ;;
  esac
}
look() {
  if [ -d /run/systemd/system ]; then of_systemd "$1"; else of_openrc "$1"; fi
}

export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
first=$(look "$1")
state=$(printf '%s\n' "$first" | sed -n 's/^ActiveState=//p')
case $2:$state in
  inactive:failed) state=inactive ;;
  active:active)
    sleep 1
    [ "$(look "$1")" = "$first" ] || state=unsteady
    ;;
esac
printf '%s\n' "${state:-unknown}"
