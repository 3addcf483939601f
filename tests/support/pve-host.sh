#!/bin/sh
# A Proxmox VE host made of real LXC, in namespaces of its own: the programs of pve-host/ over a bridge vmbr0. Needs root.
# pve-host.sh template debian|small FILE: writes a template; up FOLDER RELEASE: prints the process by which it is entered;
# down FOLDER: ends its containers and removes it.
set -eu
here=$(dirname "$(realpath "$0")")
cache=/var/cache/tailops-tests

# Debian is the base of the machines of machine.sh. The small one has BusyBox, and answers as far as the script asks.
template() {
  mkdir -p "$cache"
  case $1 in
    debian)
      sh "$here/machine.sh" base bookworm
      if [ ! -s "$cache/bookworm.tar.zst" ]; then
        made=$(mktemp "$cache/new.XXXXXX")
        tar -C "$cache/bookworm" --one-file-system -cf - . | zstd -q -f -1 -T0 -o "$made"
        mv -f "$made" "$cache/bookworm.tar.zst"
      fi
      ln -sf "$cache/bookworm.tar.zst" "$2"
      ;;
    small)
      rootfs=$(mktemp -d)
      sh "$here/pve-host/small.sh" "$rootfs"
      tar -C "$rootfs" --owner 0 --group 0 --zstd -cf "$2" .
      rm -rf "$rootfs"
      ;;
  esac
}

up() {
  folder=$1
  chmod 755 "$folder"
  mount -t tmpfs -o size=3g,mode=755 tmpfs "$folder"
  cd "$folder"
  mkdir -p bin catalogue templates lxc pve/lxc pve/local upper work lock
  cp "$here"/pve-host/common.bash "$here"/pve-host/pct "$here"/pve-host/pve* "$here"/pve-host/dpkg bin/
  echo "$2" >release
  printf 'local\tdir\tactive\t98497780\t9849778\t83598234\tvztmpl,iso,backup\nlocal-lvm\tlvmthin\tactive\t365760512\t36576051\t329184461\trootdir,images\n' >storages
  printf 'root@pam\t\n' >users
  printf 'Administrator\tPermissions.Modify,Sys.Modify,Sys.Audit\nPVEAuditor\tDatastore.Audit,Sys.Audit,VM.Audit\n' >roles
  touch tokens acls effects calls
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=pve1 -addext subjectAltName=IP:127.0.0.1 -keyout pve/local/pve-ssl.key \
    -out pve/local/pve-ssl.pem 2>/dev/null
  netns=tailops-pve-$$
  echo "$netns" >netns
  ip netns add "$netns"
  for command in 'link set lo up' 'link add vmbr0 type bridge' 'addr add 10.77.0.1/24 dev vmbr0' 'link set vmbr0 up'; do
    # shellcheck disable=SC2086
    ip -n "$netns" $command
  done
  # LXC looks for the bridge in /sys, which must be that of the namespace, with the control groups of this machine.
  # shellcheck disable=SC2016
  setsid nsenter --net="/run/netns/$netns" unshare --mount --uts --propagation slave sh -c '
    set -e
    hostname pve1
    kept=$(mktemp -d)
    mount --rbind /sys/fs/cgroup "$kept"
    mount -t sysfs sysfs /sys
    mount --rbind "$kept" /sys/fs/cgroup
    umount -l "$kept"
    rmdir "$kept"
    mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
    mkdir -p /etc/pve
    mount --bind "$1/pve" /etc/pve
    mount --bind "$1/lock" /run/lock
    printf "root:100000:65536\n" >/etc/subuid
    printf "root:100000:65536\n" >/etc/subgid
    touch "$1/ready"
    exec sleep infinity' sh "$folder" >log 2>&1 </dev/null &
  echo $! >pid
  tries=0
  until [ -e ready ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ] || ! kill -0 "$(cat pid)" 2>/dev/null; then
      cat log >&2
      exit 1
    fi
    sleep .02
  done
  cat pid
}

down() {
  folder=$1
  for container in "$folder"/lxc/*; do
    [ ! -d "$container" ] || nsenter -t "$(cat "$folder/pid")" -m -n lxc-stop -P "$folder/lxc" -n "${container##*/}" -k 2>/dev/null || true
  done
  kill "$(cat "$folder/pid")" 2>/dev/null || true
  ip netns del "$(cat "$folder/netns")" 2>/dev/null || true
  umount -l "$folder"
  rmdir "$folder"
}

"$@"
