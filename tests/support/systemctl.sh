#!/bin/sh
# Stands for systemctl: one unit, tailops.service, whose process it starts and stops for real.
# STAND_IN_UNIT is the folder of the unit: executable, env, pid, log.
set -eu
unit=$STAND_IN_UNIT
pid=$(cat "$unit/pid" 2>/dev/null || echo 0)
alive() { [ "$pid" -gt 0 ] && [ -e "/proc/$pid" ] && ! grep -q ') Z ' "/proc/$pid/stat" 2>/dev/null; }

stop() {
  if alive; then
    kill "$pid"
    while alive; do sleep 0.01; done
  fi
  rm -f "$unit/pid"
}

start() {
  # shellcheck disable=SC2046 # the environment of the unit is words without spaces
  env -i PATH="$PATH" $(cat "$unit/env") setsid "$(cat "$unit/executable")" serve >>"$unit/log" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >"$unit/pid"
}

echo "$*" >>"$unit/calls"
case $1 in
show)
  state=active
  alive || { state=inactive; pid=0; }
  echo "LoadState=loaded"
  echo "ExecStart={ path=$(cat "$unit/executable") ; argv[]=$(cat "$unit/executable") serve ; ignore_errors=no ; pid=$pid }"
  echo "ActiveState=$state"
  echo "MainPID=$pid"
  echo "Environment=$(cat "$unit/env")"
  ;;
restart) stop; start ;;
stop) stop ;;
start) alive || start ;;
reset-failed)
  # A unit that has been stopped is not loaded any more, unless another one wants it.
  alive || { echo "Failed to reset failed state of unit tailops.service: Unit tailops.service not loaded." >&2; exit 1; }
  ;;
esac
