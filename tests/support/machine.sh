#!/bin/sh
# Throwaway machines with systemd as PID 1: systemd-nspawn over an overlay on a tmpfs, without a network. Needs root.
# machine.sh up FOLDER [SUITE]: boots one (bookworm, trixie) and prints the process id of its init.
# machine.sh down FOLDER: ends and removes it.
set -eu

cache=/var/cache/tailops-tests
packages=systemd,systemd-sysv,dbus,libpam-systemd,procps,openssh-server

# Made once, by the first who needs it; machines only read it.
base() {
  [ ! -d "$cache/$1" ] || return 0
  mkdir -p "$cache"
  (
    flock 9
    [ ! -d "$cache/$1" ] || exit 0
    made=$(mktemp -d "$cache/new.XXXXXX")
    mmdebstrap --quiet --variant=minbase --format=directory --include="$packages" "$1" "$made" >&2
    chmod 755 "$made"
    mv -T "$made" "$cache/$1"
  ) 9>"$cache/$1.lock"
}

# Groups of its own, or machines would share /payload: systemd of one would wait for the services of another to end.
groups() {
  findmnt -nr -t cgroup2 -o TARGET
  findmnt -nr -t cgroup -O name=systemd -o TARGET
}

up() {
  base "$2"
  mkdir -p "$1"
  folder=$(realpath "$1")
  mount -t tmpfs -o size=2g,mode=755 tmpfs "$folder"
  mkdir "$folder/upper" "$folder/work" "$folder/root"
  mount -t overlay overlay -o "lowerdir=$cache/$2,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
  for group in $(groups); do
    mkdir "$group/tailops-$$"
    echo "$group/tailops-$$" >>"$folder/groups"
  done
  (
    while read -r group; do echo 0 >"$group/cgroup.procs"; done <"$folder/groups"
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec setsid systemd-nspawn --boot --quiet --directory="$folder/root" \
      --machine="tailops-$$" --register=no --keep-unit --console=pipe --kill-signal=SIGRTMIN+3 --private-network
  ) >"$folder/log" 2>&1 </dev/null &
  nspawn=$!
  echo "$nspawn" >"$folder/pid"
  tries=0
  while [ "$tries" -lt 600 ]; do
    tries=$((tries + 1))
    init=$(awk '{ print $1 }' "/proc/$nspawn/task/$nspawn/children" 2>/dev/null || true)
    if [ -n "$init" ]; then
      case $(nsenter -t "$init" -a systemctl is-system-running 2>/dev/null || true) in
        running | degraded)
          echo "$init" | tee "$folder/init"
          return
          ;;
      esac
    fi
    kill -0 "$nspawn" 2>/dev/null || break
    sleep .05
  done
  cat "$folder/log" >&2
  exit 1
}

# Nothing of it is kept, so it is switched off rather than shut down: with its init every process of it ends.
down() {
  folder=$(realpath "$1")
  [ ! -f "$folder/init" ] || kill -9 "$(cat "$folder/init")" 2>/dev/null || true
  if [ -f "$folder/pid" ]; then
    nspawn=$(cat "$folder/pid")
    tries=0
    # Who has ended, and is not yet reaped, has no executable any more.
    while [ -e "/proc/$nspawn/exe" ] && [ "$tries" -lt 200 ]; do
      tries=$((tries + 1))
      sleep .05
    done
    kill -9 "$nspawn" 2>/dev/null || true
  fi
  # Groups have files that cannot be removed: their folders go alone.
  while read -r group; do find "$group" -depth -type d -exec rmdir {} +; done <"$folder/groups"
  umount "$folder/root" 2>/dev/null || true
  umount -l "$folder"
  rmdir "$folder"
}

case $1 in
  up) up "$2" "${3:-bookworm}" ;;
  down) down "$2" ;;
  base) base "$2" ;;
esac
