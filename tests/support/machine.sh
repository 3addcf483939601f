#!/bin/sh
# Throwaway machines with systemd as PID 1: systemd-nspawn over an overlay on a tmpfs, without a network. Needs root.
# machine.sh up FOLDER: boots one and prints the process id of its init; machine.sh down FOLDER: ends and removes it.
set -eu

cache=/var/cache/tailops-tests
packages=systemd,systemd-sysv,dbus,libpam-systemd,procps,openssh-server

base() {
  [ -s "$cache/machine.tar" ] && return
  mkdir -p "$cache"
  made=$(mktemp "$cache/new.XXXXXX")
  mmdebstrap --quiet --variant=minbase --format=tar --include="$packages" bookworm "$made" >&2
  mv -f "$made" "$cache/machine.tar"
}

up() {
  base
  mkdir -p "$1"
  folder=$(realpath "$1")
  mount -t tmpfs -o size=2g,mode=755 tmpfs "$folder"
  mkdir "$folder/base" "$folder/upper" "$folder/work" "$folder/root"
  tar -C "$folder/base" -xf "$cache/machine.tar"
  mount -t overlay overlay -o "lowerdir=$folder/base,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid systemd-nspawn --boot --quiet --directory="$folder/root" \
    --machine="tailops-$$" --register=no --keep-unit --console=pipe --kill-signal=SIGRTMIN+3 --private-network \
    >"$folder/log" 2>&1 </dev/null &
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

down() {
  folder=$(realpath "$1")
  [ ! -f "$folder/init" ] || kill -RTMIN+3 "$(cat "$folder/init")" 2>/dev/null || true
  if [ -f "$folder/pid" ]; then
    nspawn=$(cat "$folder/pid")
    tries=0
    while kill -0 "$nspawn" 2>/dev/null && [ "$tries" -lt 200 ]; do
      tries=$((tries + 1))
      sleep .05
    done
    kill -9 "$nspawn" 2>/dev/null || true
  fi
  umount "$folder/root" 2>/dev/null || true
  umount -l "$folder"
  rmdir "$folder"
}

"$1" "$2"
